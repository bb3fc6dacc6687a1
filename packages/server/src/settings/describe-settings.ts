/** What a settings file comes to, in a few lines for people: ports, folder, queues, aliases. */
import { doorNames } from "../locks/lock-settings.ts";
import { isLoopback } from "../locks/loopback.ts";
import type { Settings } from "./schema.ts";
import type { ServerSettings, ZookeeperSettings } from "./server-settings.ts";
import { zookeeperServers } from "./zookeeper-servers.ts";

/** One line each. */
export function describeSettings({ server, queues }: Settings): string[] {
  const lines = [`listens on ${server.listenAddress}: ${describePorts(server)}`, `keeps ${server.queuePath}`];
  const { queueNames, aliasNames } = queues;
  if (queueNames.length > 0) lines.push(`${countOf(queueNames, "queue")}: ${queueNames.join(", ")}`);
  if (server.zookeeper !== null) lines.push(describeZookeeper(server.zookeeper, server.listenAddress));
  const ports = doorNames.filter((door) => server.tls[door] !== null);
  if (ports.length > 0) lines.push(`TLS: ${ports.join(", ")}`);
  const users = server.users.map(({ name }) => name);
  if (users.length > 0) lines.push(`${countOf(users, "user")}: ${users.join(", ")}`);
  for (const name of aliasNames) lines.push(`alias ${name}: ${queues.findDestinations(name)!.join(", ")}`);
  return lines;
}

function describeZookeeper(
  { servers, pathPrefix, advertise }: ZookeeperSettings,
  listenAddress: string,
): string {
  const as = advertise === null ? "" : ` as ${advertise}`;
  const line = `announced${as} by ZooKeeper ${zookeeperServers.render(servers)}: ${pathPrefix}`;
  if (advertise !== null || !isLoopback(listenAddress)) return line;
  // A flag may say where to listen.
  return `${line}; needs --listen or zookeeper.advertise, since others can't reach ${listenAddress}`;
}

function describePorts({ memcachePort, textPort, thriftPort, adminPort }: ServerSettings): string {
  const ports = { memcache: memcachePort, text: textPort, thrift: thriftPort, admin: adminPort };
  const open = Object.entries(ports).filter(([, port]) => port !== null);
  if (open.length === 0) return "no port";
  return open.map(([name, port]) => `${name} ${port === 0 ? "any" : port}`).join(", ");
}

function countOf(things: readonly unknown[], what: string): string {
  return `${things.length} ${what}${things.length === 1 ? "" : "s"}`;
}
