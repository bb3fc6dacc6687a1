// What a node says of itself in ZooKeeper: an entry of a server set, as Kestrel and Finagle write it. Knows the JSON,
// and which of its endpoints is to be used; fields that it doesn't know don't matter.

import { type NodeAddress, renderNodeAddress } from "../node-address.ts";
import type { TransportName } from "../options.ts";
import type { FoundNode } from "./source.ts";

/** Statuses of nodes that can be used; entries of others are as good as none. */
const USABLE: ReadonlySet<unknown> = new Set([undefined, "ALIVE", "WARNING"]);

/** Undefined: the node is not to be used at present. Throws when the entry makes no sense, or has no such endpoint. */
export function parseMember(data: Buffer, endpoint: TransportName): FoundNode | undefined {
  const member = objectOf(JSON.parse(data.toString("utf8")), "the entry");
  if (!USABLE.has(member.status)) return undefined;
  const main = addressOf(member.serviceEndpoint, "serviceEndpoint");
  const others = objectOf(member.additionalEndpoints ?? {}, "additionalEndpoints");
  const find = (name: string): NodeAddress | undefined =>
    Object.hasOwn(others, name) ? addressOf(others[name], `additionalEndpoints.${name}`) : undefined;
  // Who lists none has only one.
  const address = find(endpoint) ?? (Object.keys(others).length === 0 ? main : undefined);
  if (address === undefined) throw new Error(`the node at ${renderNodeAddress(main)} speaks no ${endpoint}`);
  // The same node has the same name for everybody, whatever they speak with it.
  return { ...address, id: renderNodeAddress(find("memcache") ?? main), weight: 1, takesPuts: true };
}

function addressOf(value: unknown, name: string): NodeAddress {
  const { host, port } = objectOf(value, name);
  if (typeof host !== "string" || host === "") throw new Error(`${name} has no host`);
  if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535) {
    throw new Error(`${name} has no port`);
  }
  return { host, port: port as number };
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new Error(`${name} is no object`);
}
