/** The settings file of a running server: read at the start, and again for a reload. */
import { isDeepStrictEqual } from "node:util";
import { doorNames } from "../locks/lock-settings.ts";
import type { Logger } from "../logging.ts";
import { loadSettings } from "./load-settings.ts";
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
   * Reads the file again, for the rules of queues and aliases, users, and the files for TLS. The server's other
   * settings stay as they are: which of them have changed is logged. Throws as `open` does.
   */
  async reload(logger: Logger): Promise<Settings> {
    const read = await loadSettings(this.path);
    const settings = findChanged(this.settings.server, read.server);
    if (settings.length > 0) {
      logger.warn({ file: this.path, settings }, "these settings have changed: they need a restart");
    }
    return read;
  }
}

/** By their names in the file. */
function findChanged(before: ServerSettings, after: ServerSettings): string[] {
  const fields = Object.keys(before) as (keyof ServerSettings)[];
  return fields.filter((field) => needsRestart(field, before, after)).map(nameOf);
}

function needsRestart(field: keyof ServerSettings, before: ServerSettings, after: ServerSettings): boolean {
  if (field === "users") return false;
  // Other files are read; but a port has TLS or doesn't, and asks for certificates or doesn't.
  if (field === "tls")
    return doorNames.some((door) => before.tls[door]?.clientCert !== after.tls[door]?.clientCert);
  return !isDeepStrictEqual(before[field], after[field]);
}

function nameOf(field: keyof ServerSettings): string {
  if (field === "adminPort") return "admin.httpPort";
  if (field === "metricsQueuesMax") return "admin.metricsQueuesMax";
  if (field === "zookeeper" || field === "users" || field === "tls") return field;
  return serverTable[field].name;
}
