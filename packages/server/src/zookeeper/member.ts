/**
 * What a node says of itself in ZooKeeper: the entry of a server set, byte for byte as Kestrel 2.x and Finagle write
 * and read it, and the address that it gives.
 */
import { isIPv4 } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import { isLoopback } from "../locks/loopback.ts";
import type { Address, Protocol } from "../protocol/doors.ts";

/** In the order in which they are listed; the first that is open is the node's main endpoint. */
const endpointNames: readonly Protocol[] = ["memcache", "thrift", "text"];

type Interfaces = NodeJS.Dict<NetworkInterfaceInfo[]>;

/**
 * The entry for the doors that are open, at `advertise`, or else at the address where each listens. Throws, and says
 * what to do, when there is nothing to announce or others could not reach it.
 */
export function renderMember(
  doors: Partial<Record<Protocol, Address>>,
  advertise: string | null,
  interfaces: Interfaces,
): string {
  const endpoints = endpointNames.flatMap((name) => {
    const door = doors[name];
    if (door === undefined) return [];
    return [
      [name, { host: advertise ?? findReachableHost(door.host, interfaces), port: door.port }] as const,
    ];
  });
  const [main] = endpoints;
  if (main === undefined)
    throw new Error("zookeeper: there is nothing to announce, since no port for queues is open");
  return JSON.stringify({
    serviceEndpoint: main[1],
    additionalEndpoints: Object.fromEntries(endpoints),
    status: "ALIVE",
  });
}

/** Throws when a node that listens there, and is not to be announced as somebody else, can't be reached by others. */
export function checkReachable(listenAddress: string, advertise: string | null): void {
  if (advertise !== null || !isLoopback(listenAddress)) return;
  throw new Error(
    `zookeeper: the node listens on ${listenAddress}, which only this machine can reach; set listenAddress to an ` +
      "address that clients can reach, or zookeeper.advertise to the host that they are to be told",
  );
}

/** An address stays as it is; of a wildcard, the first address of this machine that others can reach. */
function findReachableHost(listenAddress: string, interfaces: Interfaces): string {
  checkReachable(listenAddress, null);
  if (listenAddress !== "0.0.0.0" && listenAddress !== "::") return listenAddress;
  const candidates = Object.values(interfaces).flatMap((addresses = []) =>
    addresses.filter(({ address, internal }) => !internal && !isLinkLocal(address)),
  );
  const found = candidates.find(({ address }) => listenAddress === "::" || isIPv4(address));
  if (found !== undefined) return found.address;
  throw new Error(
    `zookeeper: the node listens on ${listenAddress}, and this machine has no address that others could reach; set ` +
      "zookeeper.advertise to the host that clients are to be told",
  );
}

function isLinkLocal(address: string): boolean {
  return /^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(address);
}
