/** A Kestrel node to embed; the program `kestrel` is the same with flags and signals. */
export { KestrelError, type KestrelErrorCode } from "./errors.ts";
export type { Logger } from "./logging.ts";
export type { ConnectionLimits } from "./protocol/limits.ts";
export { KestrelServer, type KestrelServerOptions, type Listeners } from "./server.ts";
export type { EmbeddedQueues, GetOptions, Item, OpenItem, PutOptions } from "./session/embedded-queues.ts";
export {
  type AliasConfig,
  defineConfig,
  type KestrelConfig,
  type NamedQueueConfig,
  type QueueConfig,
} from "./settings/config-file.ts";
export type { ServerSettings } from "./settings/server-settings.ts";
export { version } from "./version.ts";
