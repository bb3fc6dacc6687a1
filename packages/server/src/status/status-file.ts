/** The file that keeps a node's status over restarts: one word. Files of Kestrel are understood. */
import type { Disk } from "../disk.ts";
import type { ServerStatus } from "../settings/server-settings.ts";

export class StatusFile {
  readonly path: string;
  readonly #disk: Disk;

  constructor(path: string, disk: Disk) {
    this.path = path;
    this.#disk = disk;
  }

  /** The word in the file; undefined without a file. Throws the system's error. */
  load(): string | undefined {
    return this.#disk.readFile(this.path)?.toString("utf8").trim();
  }

  /** Throws the system's error; then the file is as it was. */
  keep(status: ServerStatus): void {
    this.#disk.replaceFile(this.path, Buffer.from(`${status}\n`));
  }
}
