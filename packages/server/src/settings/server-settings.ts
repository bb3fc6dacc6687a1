/**
 * What can be set for the server as a whole, with Kestrel's defaults where Kestrel has them. Sizes in bytes,
 * durations in milliseconds, `null` for none. The rules of single queues are in `settings.ts`.
 */

import { noTls, type TlsSettings, type UserSettings } from "../locks/lock-settings.ts";

/** What the server accepts: everything; everything, but clients are asked to write elsewhere; no writes; nothing. */
export type ServerStatus = "up" | "write-avoid" | "read-only" | "quiescent";

/** The strictest last. */
export const serverStatuses: readonly ServerStatus[] = ["up", "write-avoid", "read-only", "quiescent"];

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "silent";

/** The most talkative first. */
export const logLevels: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error", "silent"];

export interface ServerSettings {
  /** Folder of the journals. A relative path starts at the current directory of the process. */
  queuePath: string;
  /** The address that every port listens on. */
  listenAddress: string;
  /** Ports: 0 for any free one, null for off. */
  memcachePort: number | null;
  textPort: number | null;
  thriftPort: number | null;
  adminPort: number | null;
  /** Queues that the admin port's `/metrics` lists, at most. */
  metricsQueuesMax: number;
  /** How often expired items are swept out of queues that nobody reads; null: never. */
  expirationTimerFrequencyMs: number | null;
  /** A connection without a request for this long is closed. */
  clientTimeoutMs: number | null;
  /** Open reads of one connection on one queue. */
  maxOpenTransactions: number;
  /** Connections that wait to be accepted, per port; null: what the operating system thinks best. */
  connectionBacklog: number | null;
  /** With more connections than this, gets are refused. */
  connectionLimitRefuseReads: number | null;
  /** With more connections than this, puts are refused. */
  connectionLimitRefuseWrites: number | null;
  /** With this many connections, further ones are closed at once. */
  maxConnections: number | null;
  /** Where the status is kept over restarts; null: `.kestrel-status` in the spool folder. */
  statusFile: string | null;
  /** The status when there is no status file. */
  defaultStatus: ServerStatus;
  /** A change to a stricter status takes effect after this. */
  statusChangeGracePeriodMs: number;
  /** Log the begin and end of each connection. */
  enableSessionTrace: boolean;
  /** No queue takes larger items, and no protocol reads them into memory. */
  maxItemSizeBytes: number;
  /** Journal bytes kept in memory, over all queues. */
  maxMemoryBytes: number;
  logLevel: LogLevel;
  /** Where to announce this node; null: nowhere. */
  zookeeper: ZookeeperSettings | null;
  /** Who may come in; empty: everybody. */
  users: readonly UserSettings[];
  /** Which ports are encrypted, and how. */
  tls: TlsSettings;
}

export interface ZookeeperSettings {
  /** Servers of one ensemble; each will do. */
  servers: readonly { readonly host: string; readonly port: number }[];
  /** The node is announced under `<pathPrefix>/read` and `<pathPrefix>/write`. */
  pathPrefix: string;
  sessionTimeoutMs: number;
  /** The host that clients are told; null: the address that the node listens on. */
  advertise: string | null;
  credentials: { username: string; password: string } | null;
  /** Who may do what with the nodes that are made there. */
  acl: readonly ZookeeperAcl[];
}

export interface ZookeeperAcl {
  /** "world", "auth", "digest", "ip"… */
  scheme: string;
  id: string;
  /** Letters of: c create, d delete, r read, w write, a administer. */
  permissions: string;
}

export const defaultServerSettings: ServerSettings = {
  queuePath: "kestrel-spool",
  listenAddress: "127.0.0.1",
  memcachePort: 22133,
  textPort: 2222,
  thriftPort: 2229,
  adminPort: 2223,
  metricsQueuesMax: 1000,
  expirationTimerFrequencyMs: 1000,
  clientTimeoutMs: null,
  maxOpenTransactions: 1,
  connectionBacklog: null,
  connectionLimitRefuseReads: null,
  connectionLimitRefuseWrites: null,
  // More would not fit into what a process may usually open.
  maxConnections: 20_000,
  statusFile: null,
  defaultStatus: "up",
  statusChangeGracePeriodMs: 0,
  enableSessionTrace: false,
  maxItemSizeBytes: 64 * 1024 * 1024,
  maxMemoryBytes: 512 * 1024 * 1024,
  logLevel: "info",
  zookeeper: null,
  users: [],
  tls: noTls,
};
