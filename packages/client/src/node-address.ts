// Where a node listens, as users write it and as we name it.

import { isIPv6 } from "node:net";
import { KestrelClientError } from "./errors.ts";

/** The memcache port that a Kestrel node has unless it was told otherwise. */
export const DEFAULT_PORT = 22133;
/** Its thrift port. */
export const DEFAULT_THRIFT_PORT = 2229;

/** Where a node listens. */
export interface NodeAddress {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** One node of a cluster. */
export interface NodeSpec {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  /** Default 22133, or 2229 over thrift. */
  readonly port?: number;
  /** The node's share of the puts against the other nodes' weights, and of the names; above 0, up to 100. Default 1. */
  readonly weight?: number;
  /**
   * The node's name for ever. The hash strategy places by it: a node that keeps its id may change its
   * address and nothing moves. Default "host:port".
   */
  readonly id?: string;
}

/**
 * "host", "host:port", "::1" or "[::1]:22133", or all that can be said about a node. Among ClusterOptions.servers also
 * "dns+srv://name", "dns://host:port" and "zk://host:port/path", which stand for any number of nodes.
 */
export type ServerSpec = string | NodeSpec;

export interface ResolvedNodeSpec extends NodeAddress {
  readonly id: string;
  readonly weight: number;
}

const WEIGHT_MAX = 100;

/** Parses "host", "host:port", "::1" or "[::1]:port". Throws `bad-request` on anything else. */
export function parseNodeAddress(text: string, defaultPort: number = DEFAULT_PORT): NodeAddress {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  const plain = /^([^\s:[\]/@,]+)(?::(\d+))?$/.exec(text);
  const bareIPv6 = isIPv6(text) ? [text, text] : null;
  const [, host, port] = bracketed ?? plain ?? bareIPv6 ?? [];
  if (host === undefined) throw badServer(`"${text}" is no "host", "host:port" or "[address]:port"`);
  return { host, port: checkPort(port === undefined ? defaultPort : Number(port), text) };
}

/** Renders an address so that parseNodeAddress reads it back. */
export function renderNodeAddress(address: NodeAddress): string {
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Fills in the defaults. Throws `bad-request` when something is wrong with the description. */
export function resolveNodeSpec(spec: ServerSpec, defaultPort: number = DEFAULT_PORT): ResolvedNodeSpec {
  if (typeof spec === "string") {
    const address = parseNodeAddress(spec, defaultPort);
    return { ...address, id: renderNodeAddress(address), weight: 1 };
  }
  const { host, port = defaultPort, weight = 1 } = spec;
  if (typeof host !== "string" || host === "") throw badServer("a server needs a host");
  checkPort(port, host);
  if (!(weight > 0 && weight <= WEIGHT_MAX)) {
    throw badServer(`the weight of ${host} must be above 0 and at most ${WEIGHT_MAX}, not ${weight}`);
  }
  const id = spec.id ?? renderNodeAddress({ host, port });
  if (id === "") throw badServer(`the id of ${host} must not be empty`);
  return { host, port, id, weight };
}

function checkPort(port: number, text: string): number {
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw badServer(`the port of "${text}" must be 1 to 65535`);
}

function badServer(message: string): KestrelClientError {
  return new KestrelClientError("bad-request", message);
}
