/**
 * Every setting in one place: its name in a file, its field in the program, and what it may be. The schema, the
 * inheritance, `dump_config` and the documentation's test all go by these tables; a new setting is a field in
 * `settings.ts` or `server-settings.ts`, a field in `config-file.ts`, and a row here.
 */

import type { KestrelConfig, QueueConfig } from "./config-file.ts";
import {
  count,
  duration,
  flag,
  type Kind,
  orNone,
  period,
  port,
  queueName,
  size,
  syncPeriod,
  text,
  word,
} from "./kinds.ts";
import { logLevels, type ServerSettings, serverStatuses } from "./server-settings.ts";
import type { QueueSettings } from "./settings.ts";

/** For each field of `Settings` the setting's name in a file, out of `Names`, and its kind. */
export type SettingTable<Settings, Names extends string> = {
  readonly [Field in keyof Settings]: { readonly name: Names; readonly kind: Kind<Settings[Field]> };
};

export const queueTable: SettingTable<QueueSettings, keyof QueueConfig> = {
  maxItems: { name: "maxItems", kind: orNone(count("items")) },
  maxSizeBytes: { name: "maxSize", kind: orNone(size) },
  maxItemSizeBytes: { name: "maxItemSize", kind: orNone(size) },
  maxAgeMs: { name: "maxAge", kind: orNone(duration) },
  maxMemorySizeBytes: { name: "maxMemorySize", kind: size },
  defaultJournalSizeBytes: { name: "defaultJournalSize", kind: size },
  maxJournalSizeBytes: { name: "maxJournalSize", kind: size },
  minJournalCompactDelayMs: { name: "minJournalCompactDelay", kind: duration },
  keepJournal: { name: "keepJournal", kind: flag },
  syncJournal: { name: "syncJournal", kind: syncPeriod },
  discardOldWhenFull: { name: "discardOldWhenFull", kind: flag },
  expireToQueue: { name: "expireToQueue", kind: orNone(queueName) },
  maxExpireSweep: { name: "maxExpireSweep", kind: orNone(count("items")) },
  fanoutOnly: { name: "fanoutOnly", kind: flag },
  maxQueueAgeMs: { name: "maxQueueAge", kind: orNone(duration) },
  openTransactionTimeoutMs: { name: "openTransactionTimeout", kind: orNone(period) },
  enableTrace: { name: "enableTrace", kind: flag },
  clientIdForEnqueue: { name: "clientIdForEnqueue", kind: orNone(text("the id of a client")) },
  clientIdForDequeue: { name: "clientIdForDequeue", kind: orNone(text("the id of a client")) },
};

/** The server's own settings but those in a section of their own. */
export type PlainServerSettings = Omit<
  ServerSettings,
  "adminPort" | "metricsQueuesMax" | "zookeeper" | "users" | "tls"
>;

export const serverTable: SettingTable<PlainServerSettings, keyof KestrelConfig> = {
  queuePath: { name: "queuePath", kind: text("the path of a folder") },
  listenAddress: { name: "listenAddress", kind: text("a host name or an address") },
  memcachePort: { name: "memcacheListenPort", kind: port },
  textPort: { name: "textListenPort", kind: port },
  thriftPort: { name: "thriftListenPort", kind: port },
  expirationTimerFrequencyMs: { name: "expirationTimerFrequency", kind: orNone(period) },
  clientTimeoutMs: { name: "clientTimeout", kind: orNone(period) },
  maxOpenTransactions: { name: "maxOpenTransactions", kind: count("open reads") },
  connectionBacklog: { name: "connectionBacklog", kind: orNone(count("connections", 1)) },
  connectionLimitRefuseReads: { name: "connectionLimitRefuseReads", kind: orNone(count("connections")) },
  connectionLimitRefuseWrites: { name: "connectionLimitRefuseWrites", kind: orNone(count("connections")) },
  maxConnections: { name: "maxConnections", kind: orNone(count("connections", 1)) },
  statusFile: { name: "statusFile", kind: orNone(text("the path of a file")) },
  defaultStatus: { name: "defaultStatus", kind: word(serverStatuses) },
  statusChangeGracePeriodMs: { name: "statusChangeGracePeriod", kind: duration },
  enableSessionTrace: { name: "enableSessionTrace", kind: flag },
  maxItemSizeBytes: { name: "maxItemSize", kind: size },
  maxMemoryBytes: { name: "maxMemory", kind: size },
  logLevel: { name: "logLevel", kind: word(logLevels) },
};
