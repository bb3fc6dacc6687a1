export const version = "3.0.0";
export {
  type AliasConfig,
  defineConfig,
  type KestrelConfig,
  type NamedQueueConfig,
  type QueueConfig,
} from "./settings/config-file.ts";
