/** A real file system of a few megabytes, in memory, which can be filled to its last byte. Needs root on Linux. */

import { spawnSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { TempFolder } from "../harness/temp-folder.ts";

const mounted = new Set<string>();
process.on("exit", () => {
  for (const path of mounted) spawnSync("umount", ["--lazy", path]);
});

export class SmallDisk implements AsyncDisposable {
  readonly path: string;
  readonly #folder: TempFolder;

  private constructor(folder: TempFolder) {
    this.#folder = folder;
    this.path = folder.path;
  }

  /** Null where this machine doesn't allow it. */
  static async mount(megabytes: number): Promise<SmallDisk | null> {
    const folder = await TempFolder.create();
    const options = ["-t", "tmpfs", "-o", `size=${megabytes}m`, "kestrel-test", folder.path];
    if (spawnSync("mount", options).status !== 0) {
      await folder[Symbol.asyncDispose]();
      return null;
    }
    mounted.add(folder.path);
    return new SmallDisk(folder);
  }

  /** Takes what is free, to the last page. */
  fill(): void {
    const file = openSync(this.#ballast, "a");
    try {
      for (let size = 64 * 1024; size >= 512; ) {
        try {
          if (writeSync(file, Buffer.alloc(size)) < size) size /= 2;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          size /= 2;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives it back. */
  async relieve(): Promise<void> {
    await rm(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.path, "of-somebody-else");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { status } = spawnSync("umount", [this.path]);
    if (status !== 0) spawnSync("umount", ["--lazy", this.path]);
    mounted.delete(this.path);
    await this.#folder[Symbol.asyncDispose]();
  }
}
