// What a client can be told, with its defaults.

import type { BackoffOptions } from "./cluster/backoff.ts";
import type { OperationEvent } from "./cluster/operations.ts";
import type { Guarantee } from "./cluster/puts.ts";
import type { StrategyName } from "./cluster/strategy.ts";
import type { DnsResolver } from "./discovery/dns-lookup.ts";
import { KestrelClientError } from "./errors.ts";
import type { Instrumentation } from "./instrumentation.ts";
import { DEFAULT_PORT, DEFAULT_THRIFT_PORT, type ServerSpec } from "./node-address.ts";
import { checkNamespace } from "./queue-name.ts";
import { type NodeTls, resolveTls, type TlsOptions } from "./transport/tls-options.ts";

/** How a KestrelClusterClient is set up. Only `servers` is needed. */
export interface ClusterOptions {
  /**
   * The nodes of the cluster: "host", "host:port", "[::1]:22133", or { host, port, weight, id }; and names that DNS
   * knows nodes for, "dns+srv://_memcache._tcp.example" (the targets of its SRV records) or "dns://host:port" (all its
   * addresses), which are looked up again and again: nodes come and go with the answers; and paths in ZooKeeper under
   * which nodes announce themselves, "zk://zoo1:2181,zoo2:2181/kestrel", which are followed. ZooKeeper needs the
   * package node-zookeeper-client.
   */
  readonly servers: readonly ServerSpec[];
  /**
   * How nodes are spoken to. `"memcache"` (default): the binary protocol, on port 22133. `"thrift"`: on port 2229;
   * batches in one call, many open items on one connection.
   */
  readonly transport?: TransportName;
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
  /**
   * Connections to one node for reads. Over memcache each read that is open or waits has one of its own, over thrift
   * each that waits. Default 256.
   */
  readonly readConnectionsMax?: number;
  /** Connections for reads that are not used for so long, in milliseconds, are ended. Default 30,000. */
  readonly idleMs?: number;
  /** Puts that wait in this client for their turn at one node; more are rejected as `busy`. Default 65,536. */
  readonly waitingPutsMax?: number;
  /** The bytes of their items; more are rejected as `busy`. Default 256 MiB. */
  readonly waitingPutBytesMax?: number;
  /** The largest item, in bytes, that is accepted from a node. Default 128 MiB. */
  readonly itemBytesMax?: number;
  /** For nodes that ask who one is. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /**
   * Encrypts every connection to every node; `true` trusts the system's authorities. Nothing is ever sent to a node whose
   * certificate is not accepted, and nothing in the clear.
   */
  readonly tls?: TlsOptions | true;
  /**
   * Over thrift: an open item goes back after so long, in milliseconds, even if its handler is still at work. A node
   * puts it back at once when its connection ends; this is for clients that vanish without a word, and for nodes of
   * Kestrel 2, which know nothing else. Default one hour.
   */
  readonly autoAbortMs?: number;
  /** Stands before the name of every queue, with a colon: with "billing", "jobs" is the node's "billing:jobs". 248 bytes at most. */
  readonly namespace?: string;
  /**
   * Told of each request to a node when it is over: for metrics, logs, and spans (it has start and duration). It is
   * called often, and must not throw.
   */
  readonly observe?: (event: OperationEvent) => void;
  /** Code around each put and each handler, for tracing. Unlike `observe` it sees what users do, not what nodes are sent. */
  readonly instrument?: Instrumentation;
  /**
   * Under hash: how often nodes other than a queue's home are asked for items of a queue that is being read.
   * Sooner whenever a node came up or went down. Default: after 1 s, then rarer, down to every 30 s.
   */
  readonly search?: Partial<BackoffOptions>;
  /** How names in DNS and ZooKeeper among the servers are looked up. */
  readonly discovery?: DiscoveryOptions;
}

/** How names among ClusterOptions.servers are looked up. */
export interface DiscoveryOptions {
  /** The longest time between two lookups of a name, in milliseconds; after failures it is shorter. Default 30,000. */
  readonly refreshMs?: number;
  /** Who is asked. Default: the name servers of the system, by node:dns. */
  readonly resolver?: DnsResolver;
  /** How soon ZooKeeper's silence is taken for an outage, in milliseconds; it has bounds of its own. Default 10,000. */
  readonly sessionTimeoutMs?: number;
}

/** The wire between a client and its nodes. */
export type TransportName = "memcache" | "thrift";

export interface ResolvedOptions {
  readonly transport: TransportName;
  readonly defaultPort: number;
  readonly strategy: StrategyName;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly guarantee: Guarantee;
  readonly retry: BackoffOptions;
  readonly readConnectionsMax: number;
  readonly idleMs: number;
  readonly waitingPutsMax: number;
  readonly waitingPutBytesMax: number;
  readonly itemBytesMax: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly tls: NodeTls | undefined;
  readonly autoAbortMs: number;
  readonly namespace: string | undefined;
  readonly observe: ((event: OperationEvent) => void) | undefined;
  readonly instrument: Instrumentation;
  readonly search: BackoffOptions;
  readonly discovery: {
    readonly refreshMs: number;
    readonly resolver: DnsResolver | undefined;
    readonly sessionTimeoutMs: number;
  };
}

const TRANSPORTS: readonly TransportName[] = ["memcache", "thrift"];
const STRATEGIES: readonly StrategyName[] = ["round-robin", "hash", "random"];
const GUARANTEES: readonly Guarantee[] = ["at-most-once", "at-least-once"];
const RETRY: BackoffOptions = { minMs: 100, maxMs: 3_000, factor: 2, jitter: 0.5 };
const SEARCH: BackoffOptions = { minMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.5 };
const TIMER_MS_MAX = 0x7fff_ffff;

/** Fills in the defaults. Throws `bad-request`, naming the option, when one makes no sense. */
export function resolveOptions(options: ClusterOptions): ResolvedOptions {
  // A text would be taken for a list of servers with a letter for a name each.
  if (!Array.isArray(options?.servers))
    throw new KestrelClientError("bad-request", "servers must be an array: hosts, or host:port");
  if (options.namespace !== undefined) checkNamespace(options.namespace);
  const transport = oneOf("transport", options.transport ?? "memcache", TRANSPORTS);
  return {
    transport,
    defaultPort: transport === "thrift" ? DEFAULT_THRIFT_PORT : DEFAULT_PORT,
    strategy: oneOf("strategy", options.strategy ?? "round-robin", STRATEGIES),
    guarantee: oneOf("guarantee", options.guarantee ?? "at-most-once", GUARANTEES),
    timeoutMs: number("timeoutMs", options.timeoutMs ?? 5_000, 1, TIMER_MS_MAX),
    connectTimeoutMs: number("connectTimeoutMs", options.connectTimeoutMs ?? 1_000, 1, TIMER_MS_MAX),
    retry: resolveBackoff("retry", { ...RETRY, ...options.retry }),
    search: resolveBackoff("search", { ...SEARCH, ...options.search }),
    readConnectionsMax: number("readConnectionsMax", options.readConnectionsMax ?? 256, 1, 65_536),
    idleMs: number("idleMs", options.idleMs ?? 30_000, 1, TIMER_MS_MAX),
    waitingPutsMax: number("waitingPutsMax", options.waitingPutsMax ?? 65_536, 1, 16_777_216),
    waitingPutBytesMax: number(
      "waitingPutBytesMax",
      options.waitingPutBytesMax ?? 256 * 1024 * 1024,
      1,
      Number.MAX_SAFE_INTEGER,
    ),
    itemBytesMax: number("itemBytesMax", options.itemBytesMax ?? 128 * 1024 * 1024, 1, 0x7fff_ffff),
    credentials: checkedCredentials(options.credentials),
    tls: options.tls === undefined ? undefined : resolveTls(options.tls),
    autoAbortMs: number("autoAbortMs", options.autoAbortMs ?? 3_600_000, 1, TIMER_MS_MAX),
    namespace: options.namespace,
    observe: options.observe,
    instrument: options.instrument ?? {},
    discovery: {
      refreshMs: number("discovery.refreshMs", options.discovery?.refreshMs ?? 30_000, 1, TIMER_MS_MAX),
      resolver: options.discovery?.resolver,
      sessionTimeoutMs: number(
        "discovery.sessionTimeoutMs",
        options.discovery?.sessionTimeoutMs ?? 10_000,
        100,
        TIMER_MS_MAX,
      ),
    },
  };
}

/** Throws `bad-request`, naming the part, when one makes no sense. */
export function resolveBackoff(
  name: string,
  { minMs, maxMs, factor, jitter }: BackoffOptions,
): BackoffOptions {
  return {
    minMs: number(`${name}.minMs`, minMs, 1, TIMER_MS_MAX),
    maxMs: number(`${name}.maxMs`, maxMs, minMs, TIMER_MS_MAX),
    factor: number(`${name}.factor`, factor, 1, 1_000),
    jitter: number(`${name}.jitter`, jitter, 0, 1),
  };
}

function checkedCredentials(credentials: ClusterOptions["credentials"]): ClusterOptions["credentials"] {
  if (credentials === undefined) return undefined;
  const { username, password } = credentials;
  if (typeof username === "string" && typeof password === "string") return { username, password };
  throw new KestrelClientError("bad-request", "credentials must have a username and a password");
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
