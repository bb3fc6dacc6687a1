/**
 * A small reserve of the spool folder's disk, kept for the records that finish items, so that consumers can empty
 * a full disk without seeing anything twice after a crash.
 */
import path from "node:path";
import type { Disk } from "../disk.ts";

const reserveName = ".kestrel.reserve";
const reserveBytes = 512 * 1024;

/** Bytes of disk that are let go when the disk is full. */
export class Reserve {
  readonly #disk: Disk;
  readonly #path: string;
  #isFilled = false;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#path = path.join(folder, reserveName);
  }

  /** Gives the space to whoever writes next. */
  release(): void {
    if (!this.#isFilled) return;
    this.#isFilled = false;
    this.#empty();
  }

  /** Gives what an earlier process has kept, and not let go; false: there is nothing. Throws the system's error. */
  releaseFormer(): boolean {
    const name = path.basename(this.#path);
    return this.#disk.list(path.dirname(this.#path)).includes(name) && this.#empty() > 0;
  }

  /** Returns how much was in it. */
  #empty(): number {
    const file = this.#disk.open(this.#path);
    try {
      const size = file.size();
      file.truncate(0);
      return size;
    } finally {
      file.close();
    }
  }

  /** Takes the space again. Throws the system's error when there is none. */
  refill(): void {
    if (this.#isFilled) return;
    const file = this.#disk.create(this.#path);
    try {
      file.write(Buffer.alloc(reserveBytes), 0, reserveBytes, 0);
      this.#isFilled = true;
    } catch (error) {
      file.truncate(0);
      throw error;
    } finally {
      file.close();
    }
  }
}
