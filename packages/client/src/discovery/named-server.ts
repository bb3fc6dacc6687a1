// Names among the servers that stand for any number of nodes, as users write them: "dns+srv://_memcache._tcp.example",
// "dns://host:port", "zk://host:2181/path". Nothing is looked up here.

import { KestrelClientError } from "../errors.ts";
import { DEFAULT_PORT, type ServerSpec } from "../node-address.ts";
import { type DnsServer, parseDnsServer } from "./dns-server.ts";
import { parseZookeeperServer, type ZookeeperServer } from "./zookeeper-server.ts";

export type NamedServer = DnsServer | ZookeeperServer;

export interface SplitServers {
  /** Those that name one node each. */
  readonly plain: ServerSpec[];
  readonly named: NamedServer[];
}

/** Tells names from plain servers. Throws `bad-request` when a name can't be one, or comes twice. */
export function splitServers(
  servers: readonly ServerSpec[],
  defaultPort: number = DEFAULT_PORT,
): SplitServers {
  const plain: ServerSpec[] = [];
  const named = new Map<string, NamedServer>();
  for (const server of servers) {
    const found =
      typeof server === "string"
        ? (parseDnsServer(server, defaultPort) ?? parseZookeeperServer(server))
        : undefined;
    if (found === undefined) plain.push(server);
    else if (named.has(found.text))
      throw new KestrelClientError("bad-request", `"${found.text}" is named twice`);
    else named.set(found.text, found);
  }
  return { plain, named: [...named.values()] };
}
