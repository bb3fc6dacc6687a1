// What a client can be told, with its defaults.

import type { BackoffOptions } from "./cluster/backoff.ts";
import type { Guarantee } from "./cluster/puts.ts";
import type { StrategyName } from "./cluster/strategy.ts";
import { KestrelClientError } from "./errors.ts";
import type { ServerSpec } from "./node-address.ts";

/** How a KestrelClusterClient is set up. Only `servers` is needed. */
export interface ClusterOptions {
  /** The nodes of the cluster: "host", "host:port", "[::1]:22133", or { host, port, weight, id }. */
  readonly servers: readonly ServerSpec[];
  /**
   * Where items go. `"round-robin"` (default): to each node in turn, by weight; `"random"`: to a random node, by
   * weight; `"hash"`: all items of a queue to one node, found by consistent hashing of the queue's name.
   */
  readonly strategy?: StrategyName;
  /** For an answer to be there, in milliseconds from the sending; waits come on top. Default 5,000. */
  readonly timeoutMs?: number;
  /** For a connection to be there, in milliseconds. Default 1,000. */
  readonly connectTimeoutMs?: number;
  /**
   * What to do about a put that was sent and not answered. `"at-most-once"` (default): reject with `unknown`.
   * `"at-least-once"`: put the item again on another node, so that it may be there twice.
   */
  readonly guarantee?: Guarantee;
  /** When a node that is down is tried again. Default: after 100 ms, twice as long each time, up to 3 s. */
  readonly retry?: Partial<BackoffOptions>;
  /** Reads open or waiting at one node at the same time; each has a connection of its own. Default 256. */
  readonly readConnectionsMax?: number;
  /** Connections for reads that are not used for so long, in milliseconds, are ended. Default 30,000. */
  readonly idleMs?: number;
  /** Puts that wait in this client for their turn at one node; more are rejected as `busy`. Default 65,536. */
  readonly waitingPutsMax?: number;
  /** The largest item, in bytes, that is accepted from a node. Default 128 MiB. */
  readonly itemBytesMax?: number;
  /** For nodes that ask for authentication (SASL PLAIN). */
  readonly credentials?: { readonly username: string; readonly password: string };
}

export interface ResolvedOptions {
  readonly strategy: StrategyName;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly guarantee: Guarantee;
  readonly retry: BackoffOptions;
  readonly readConnectionsMax: number;
  readonly idleMs: number;
  readonly waitingPutsMax: number;
  readonly itemBytesMax: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

const STRATEGIES: readonly StrategyName[] = ["round-robin", "hash", "random"];
const GUARANTEES: readonly Guarantee[] = ["at-most-once", "at-least-once"];
const RETRY: BackoffOptions = { minMs: 100, maxMs: 3_000, factor: 2, jitter: 0.5 };
const TIMER_MS_MAX = 0x7fff_ffff;

/** Fills in the defaults. Throws `bad-request`, naming the option, when one makes no sense. */
export function resolveOptions(options: ClusterOptions): ResolvedOptions {
  const retry = { ...RETRY, ...options.retry };
  return {
    strategy: oneOf("strategy", options.strategy ?? "round-robin", STRATEGIES),
    guarantee: oneOf("guarantee", options.guarantee ?? "at-most-once", GUARANTEES),
    timeoutMs: number("timeoutMs", options.timeoutMs ?? 5_000, 1, TIMER_MS_MAX),
    connectTimeoutMs: number("connectTimeoutMs", options.connectTimeoutMs ?? 1_000, 1, TIMER_MS_MAX),
    retry: {
      minMs: number("retry.minMs", retry.minMs, 1, TIMER_MS_MAX),
      maxMs: number("retry.maxMs", retry.maxMs, retry.minMs, TIMER_MS_MAX),
      factor: number("retry.factor", retry.factor, 1, 1_000),
      jitter: number("retry.jitter", retry.jitter, 0, 1),
    },
    readConnectionsMax: number("readConnectionsMax", options.readConnectionsMax ?? 256, 1, 65_536),
    idleMs: number("idleMs", options.idleMs ?? 30_000, 1, TIMER_MS_MAX),
    waitingPutsMax: number("waitingPutsMax", options.waitingPutsMax ?? 65_536, 1, 16_777_216),
    itemBytesMax: number("itemBytesMax", options.itemBytesMax ?? 128 * 1024 * 1024, 1, 0x7fff_ffff),
    credentials: options.credentials,
  };
}

function number(name: string, value: number, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new KestrelClientError("bad-request", `${name} must be a number from ${min} to ${max}, not ${value}`);
}

function oneOf<T extends string>(name: string, value: T, values: readonly T[]): T {
  if (values.includes(value)) return value;
  const choice = values.map((each) => `"${each}"`).join(", ");
  throw new KestrelClientError("bad-request", `${name} must be one of ${choice}, not "${value}"`);
}
