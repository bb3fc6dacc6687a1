/** A Kestrel node to embed; the program `kestrel` is the same with flags and signals. */
export type { Clock, Timer } from "./clock.ts";
export type { Disk, DiskFile, FolderLock } from "./disk.ts";
export { KestrelError, type KestrelErrorCode } from "./errors.ts";
export {
  type DescribedLogRecord,
  type DescribeOptions,
  describeLog,
  describeSegment,
  type LogEntry,
} from "./inspection/describe-log.ts";
export type { FileSource, ReadableFile } from "./inspection/file-source.ts";
export { findJournalPlace, type JournalPlace, listLogs } from "./inspection/journal-place.ts";
export type { LogFault, LogReport, ReaderReport } from "./inspection/log-report.ts";
export { renderLogEntry } from "./inspection/render-log.ts";
export { type VerifyOptions, verifyLog } from "./inspection/verify-log.ts";
export { verifySpool } from "./inspection/verify-spool.ts";
export type { LostIds } from "./journal/damage.ts";
export type { ChunkPlace, ReaderState, SegmentIndex } from "./journal/record.ts";
export {
  type DescribedRecord,
  describeJournal,
  renderDescribed,
} from "./kestrel2/describe.ts";
export { type ExportedQueue, exportKestrel2 } from "./kestrel2/export.ts";
export { type ImportedQueue, type ImportReport, importKestrel2 } from "./kestrel2/import.ts";
export type { JournalFault } from "./kestrel2/journal-file.ts";
export { findJournals, type JournalSet, type SpoolFolder } from "./kestrel2/journal-set.ts";
export { type WriteOptions, type Written, writeJournal } from "./kestrel2/journal-writer.ts";
export { packJournals } from "./kestrel2/pack.ts";
export type { QueueState, ReopenRule } from "./kestrel2/queue-state.ts";
export type { JournalRecord, Kestrel2Item, Operation } from "./kestrel2/record.ts";
export { type Replay, type ReplayOptions, replayJournal } from "./kestrel2/replay.ts";
export type { TransferOptions } from "./kestrel2/transfer.ts";
export type { LockOwner } from "./lock-owner.ts";
export type { DoorName, TlsFiles, TlsSettings, UserSettings } from "./locks/lock-settings.ts";
export { hashPassword } from "./locks/password.ts";
export type { Logger } from "./logging.ts";
export type { Address, Protocol } from "./protocol/doors.ts";
export type { ConnectionLimits } from "./protocol/limits.ts";
export {
  KestrelServer,
  type KestrelServerOptions,
  type Listeners,
  type ReloadedSettings,
} from "./server.ts";
export type { EmbeddedQueues, GetOptions, Item, OpenItem, PutOptions } from "./session/embedded-queues.ts";
export {
  type AdminConfig,
  type AliasConfig,
  defineConfig,
  type KestrelConfig,
  type NamedQueueConfig,
  type QueueConfig,
  type TlsConfig,
  type UserConfig,
  type ZookeeperConfig,
} from "./settings/config-file.ts";
export { loadSettings } from "./settings/load-settings.ts";
export { QueueRules, type QueueRulesOptions } from "./settings/queue-rules.ts";
export { readSettings, type Settings, SettingsError } from "./settings/schema.ts";
export type {
  LogLevel,
  ServerSettings,
  ServerStatus,
  ZookeeperAcl,
  ZookeeperSettings,
} from "./settings/server-settings.ts";
export type { QueueSettings } from "./settings/settings.ts";
export { findSpoolOwner, SpoolLockedError } from "./spool-lock.ts";
export type { Leave, NodeStatus, StatusListener } from "./status/node-status.ts";
export { version } from "./version.ts";
