/**
 * What a settings file may say, as types for editors: `export default defineConfig({ … })` in an ES module, or
 * the same in JSON. Sizes and durations are numbers (bytes, milliseconds) or texts with a unit; null takes a
 * limit away that would be inherited. Only types: what is checked when a file is read is in `schema.ts`.
 */

/** Bytes, or a text with a unit: "64KB", "128MB", "1GB". */
type Size = number | `${number}${"B" | "KB" | "MB" | "GB" | "TB"}`;

/** Milliseconds, or a text with a unit: "100ms", "30s", "5m", "1h", "7d". */
type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** A port: 0 for any free one, "off" or null for not at all. */
type Port = number | "off" | null;

/** Rules of one queue. What is left out comes from the parent for a fanout, from `default` otherwise. */
export interface QueueConfig {
  /** The queue is full at this many items. None by default. */
  maxItems?: number | null;
  /** The queue is full at this many bytes of data. None by default. */
  maxSize?: Size | null;
  /** Larger items are refused. None by default; the server's own `maxItemSize` holds anyway. */
  maxItemSize?: Size | null;
  /** No item lives longer than this. None by default. */
  maxAge?: Duration | null;
  /** At most this much of the journal is kept in memory. "128MB" by default. */
  maxMemorySize?: Size;
  /** Size of one segment of the journal. "16MB" by default. */
  defaultJournalSize?: Size;
  /** Bound on journal bytes that hold no live item. "1GB" by default. */
  maxJournalSize?: Size;
  /** Least time between two rewrites of the journal. "60s" by default. */
  minJournalCompactDelay?: Duration;
  /** False: memory only, nothing survives a restart. True by default. */
  keepJournal?: boolean;
  /** How often the journal is synced to the disk; 0: before each answer. "never" by default. */
  syncJournal?: Duration | "never";
  /** A full queue drops its oldest item instead of refusing the new one. False by default. */
  discardOldWhenFull?: boolean;
  /** Expired items go to this queue. None by default. */
  expireToQueue?: string | null;
  /** How many expired items one sweep may move. No limit by default. */
  maxExpireSweep?: number | null;
  /** The queue itself keeps nothing, only its fanouts do. False by default; means nothing to a fanout. */
  fanoutOnly?: boolean;
  /** The queue is deleted when it is empty and older than this. None by default. */
  maxQueueAge?: Duration | null;
  /** An open read older than this goes back to the head. None by default. */
  openTransactionTimeout?: Duration | null;
  /** Log each open, confirm and abort. False by default. */
  enableTrace?: boolean;
  /** Only this authenticated client may put. None by default. */
  clientIdForEnqueue?: string | null;
  /** Only this authenticated client may get. None by default. */
  clientIdForDequeue?: string | null;
}

/** A queue with rules of its own. A fanout is named `parent+child`, and exists from the start. */
export interface NamedQueueConfig extends QueueConfig {
  name: string;
}

/** A name that puts into several queues. */
export interface AliasConfig {
  name: string;
  /** Queues, fanouts or other aliases; at least one. */
  destinationQueues: readonly string[];
}

export interface AdminConfig {
  /** Port of the page, the statistics and the metrics. 2223 by default. */
  httpPort?: Port;
  /** Queues that `/metrics` lists, at most. 1000 by default. */
  metricsQueuesMax?: number;
}

export interface ZookeeperConfig {
  /** A server of ZooKeeper, or several of one ensemble: "zoo1,zoo2:2182", or a list. */
  host: string | readonly string[];
  /** Of the servers that are named without one. 2181 by default. */
  port?: number;
  /** Begins with "/": the node is announced under `<pathPrefix>/read` and `<pathPrefix>/write`. */
  pathPrefix: string;
  /** "10s" by default. */
  sessionTimeout?: Duration;
  /** The host that clients are told. By default the address that the node listens on. */
  advertise?: string | null;
  credentials?: { username: string; password: string } | null;
  /**
   * "open-unsafe": anybody may do anything (the default). "everyone-read-creator-all": anybody may read, only
   * these `credentials` may change. Or a list in the words of ZooKeeper's own tools: "world:anyone:r".
   */
  acl?: "open-unsafe" | "everyone-read-creator-all" | readonly string[];
}

/** Somebody who may come in. Without any, everybody may do everything. */
export interface UserConfig {
  /** 1 to 128 bytes without colons, white space and control characters. */
  name: string;
  /** As `kestrel --hash-password` prints it. */
  password?: string;
  /** As `kestrel --make-token` prints it: for the admin port, as a bearer token. */
  token?: string;
  /** Queues that it may put into; `*` stands for any characters: "orders*". None by default. */
  put?: readonly string[];
  /** Queues that it may read. A fanout goes by its full name, "orders+audit". None by default. */
  get?: readonly string[];
  /** May flush and delete queues, change the status, reload and stop the server. False by default. */
  admin?: boolean;
}

/** Paths of PEM files; a relative one starts at the current directory. Read anew with every reload. */
export interface TlsConfig {
  /** The certificate, with those behind it that lead to a known authority. */
  cert: string;
  key: string;
  /** Authorities for the certificates of clients. */
  ca?: string;
  /** Only clients with a certificate of `ca` are let in. False by default. */
  clientCert?: boolean;
}

/** A whole settings file. Everything can be left out. */
export interface KestrelConfig {
  /** Folder of the journals; a relative path starts at the current directory. "kestrel-spool" by default. */
  queuePath?: string;
  /** The address that every port listens on. "127.0.0.1" by default. */
  listenAddress?: string;
  /** 22133 by default. */
  memcacheListenPort?: Port;
  /** 2222 by default. */
  textListenPort?: Port;
  /** 2229 by default. */
  thriftListenPort?: Port;
  admin?: AdminConfig;
  /** How often expired items are swept out of queues that nobody reads. "1s" by default; null: never. */
  expirationTimerFrequency?: Duration | null;
  /** A connection without a request for this long is closed. None by default. */
  clientTimeout?: Duration | null;
  /** Open reads of one connection on one queue. 1 by default. */
  maxOpenTransactions?: number;
  /** Connections that wait to be accepted, per port. Left to the operating system by default. */
  connectionBacklog?: number | null;
  /** With more connections than this, gets are refused. None by default. */
  connectionLimitRefuseReads?: number | null;
  /** With more connections than this, puts are refused. None by default. */
  connectionLimitRefuseWrites?: number | null;
  /** With this many connections, further ones are closed at once. 20,000 by default. */
  maxConnections?: number | null;
  /** Where the status is kept over restarts. `.kestrel-status` in the spool folder by default. */
  statusFile?: string | null;
  /** The status when there is no status file. "up" by default. */
  defaultStatus?: "up" | "write-avoid" | "read-only" | "quiescent";
  /** A change to a stricter status takes effect after this. 0 by default. */
  statusChangeGracePeriod?: Duration;
  /** Log the begin and end of each connection. False by default. */
  enableSessionTrace?: boolean;
  /** No queue takes larger items. "64MB" by default. */
  maxItemSize?: Size;
  /** Journal bytes kept in memory, over all queues. "512MB" by default. */
  maxMemory?: Size;
  /** "info" by default. */
  logLevel?: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  /** Where to announce this node. Nowhere by default. */
  zookeeper?: ZookeeperConfig | null;
  /** Who may come in, and what they may do. Everybody, and everything, by default. */
  users?: readonly UserConfig[];
  /** TLS for all ports, or for some; null for none where `all` would hold. */
  tls?: Partial<Record<"all" | "memcache" | "text" | "thrift" | "admin", TlsConfig | null>>;
  /** Rules that every queue inherits. */
  default?: QueueConfig;
  /** Queues with rules of their own. */
  queues?: readonly NamedQueueConfig[];
  aliases?: readonly AliasConfig[];
}

/** Gives its argument back: it is there to give an editor the types. */
export function defineConfig(config: KestrelConfig): KestrelConfig {
  return config;
}
