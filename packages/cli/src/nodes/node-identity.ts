/**
 * Whether what answers at an address is a Kestrel. Items must not end up in a memcached, which stores them and forgets
 * them again, and of a wrong port it is better to hear than of what it makes of our requests.
 */

import { CommandError } from "../exit-code.ts";
import { codeOf } from "../failure.ts";
import type { Surroundings } from "../surroundings.ts";
import type { ChosenCluster } from "./cluster.ts";
import type { Admin } from "./node-inquiry.ts";

/** Nodes that are slower to say who they are are taken for what they should be, unless the user has more time. */
const askMs = 1000;

/** The node's version. Rejects with CommandError when what answers is no Kestrel. */
export async function askVersion(admin: Admin, node: string, hasTls = false): Promise<string> {
  const line = await admin.line("version").catch((error: unknown) => {
    if (codeOf(error) === "bad-request")
      throw new CommandError(`${node} is no Kestrel: it knows no "version"`);
    if (hasHungUp(error)) throw new CommandError(hungUp(node, hasTls));
    throw error;
  });
  const version = /^VERSION (\S+)$/.exec(line)?.[1];
  if (version === undefined) throw new CommandError(strangerAt(node, line));
  // Those of Kestrel begin with 2.
  if (version.startsWith("1."))
    throw new CommandError(`${node} is a memcached (${version}), no Kestrel: check the nodes that you name`);
  return version;
}

/** Rejects with CommandError when any of the nodes is none. One that is down or silent is not found out here. */
export async function refuseStrangers(
  { servers, tls, timeoutMs = askMs }: ChosenCluster,
  surroundings: Surroundings,
): Promise<void> {
  // What stands for nodes that somebody else knows, such as DNS, is left to them.
  const addresses = servers.filter((server) => !server.includes("://"));
  await Promise.all(
    addresses.map(async (server) => {
      const times = { timeoutMs, connectTimeoutMs: timeoutMs };
      const admin = surroundings.connectAdmin(server, { ...times, ...(tls === undefined ? {} : { tls }) });
      try {
        await askVersion(admin, server, tls !== undefined);
      } catch (error) {
        if (error instanceof CommandError) throw error;
      } finally {
        admin.close();
      }
    }),
  );
}

const wanted = "kq wants the memcache port (22133)";

function strangerAt(node: string, line: string): string {
  if (line.startsWith("HTTP/"))
    return `${node} speaks HTTP, as the admin port of a node does (2223): ${wanted}`;
  if (line.startsWith(":")) return `${node} is the text port of a node (2222): ${wanted}`;
  return `${node} is no Kestrel: it answered "${line.slice(0, 40)}"; ${wanted}`;
}

/** Not a silence, which a node may need, nor what TLS fails with. */
function hasHungUp(error: unknown): boolean {
  if (codeOf(error) === "unknown") return !String(error).includes("in time");
  return String(error).endsWith("the node ended the connection");
}

function hungUp(node: string, hasTls: boolean): string {
  const guess = hasTls ? "or does it not trust our certificate (--tls-cert)?" : "or one with TLS (--tls)?";
  return `${node} ended the connection when it was asked for its version. Is it a thrift port (2229), ${guess} ${wanted}`;
}
