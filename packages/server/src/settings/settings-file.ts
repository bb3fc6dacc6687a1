/** The settings file of a running server: read at the start, and again for a reload of its rules. */
import { isDeepStrictEqual } from "node:util";
import type { Logger } from "../logging.ts";
import { loadSettings } from "./load-settings.ts";
import type { QueueRules } from "./queue-rules.ts";
import type { Settings } from "./schema.ts";
import type { ServerSettings } from "./server-settings.ts";
import { serverTable } from "./tables.ts";

export class SettingsFile {
  readonly path: string;
  /** As they were read first. */
  readonly settings: Settings;

  private constructor(path: string, settings: Settings) {
    this.path = path;
    this.settings = settings;
  }

  /** Throws SettingsError for a file that is missing, broken, or holds what can't be. */
  static async open(path: string): Promise<SettingsFile> {
    return new SettingsFile(path, await loadSettings(path));
  }

  /**
   * Reads the file again, for the rules of queues and aliases. The server's own settings stay as they are: which
   * of them have changed is logged. Throws as `open` does.
   */
  async reload(logger: Logger): Promise<QueueRules> {
    const { server, queues } = await loadSettings(this.path);
    const settings = findChanged(this.settings.server, server);
    if (settings.length > 0) {
      logger.warn({ file: this.path, settings }, "these settings have changed: they need a restart");
    }
    return queues;
  }
}

/** By their names in the file. */
function findChanged(before: ServerSettings, after: ServerSettings): string[] {
  const fields = Object.keys(before) as (keyof ServerSettings)[];
  return fields.filter((field) => !isDeepStrictEqual(before[field], after[field])).map(nameOf);
}

function nameOf(field: keyof ServerSettings): string {
  if (field === "adminPort") return "admin.httpPort";
  if (field === "metricsQueuesMax") return "admin.metricsQueuesMax";
  return field === "zookeeper" ? field : serverTable[field].name;
}
