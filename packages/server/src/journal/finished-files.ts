/**
 * What becomes of the files of segments that every reader is done with. Some are kept for segments to come, since
 * writing over a file costs a third of the processor time that a new one does: the system has its pages and its blocks
 * already, and nobody has to be rid of the old ones. The others are removed.
 */
import path from "node:path";
import type { Clock } from "../clock.ts";
import type { Disk, DiskFile } from "../disk.ts";
import type { Logger } from "../logging.ts";

/** Behind the name of a file that waits for its next use. A start removes what has it, like all that ends with `~`. */
export const spareSuffix = ".spare~";
/** All the spare files of a log: four of the usual size. */
const spareBytesMax = 80 * 1024 * 1024;
/** A log that has needed none for so long keeps none. */
const spareMsMax = 30_000;

/** The spare files of all logs of a node. */
export class SpareBudget {
  readonly bytesMax: number;
  bytes = 0;
  /** Logs that have some. */
  readonly #holders: Set<FinishedFiles> = new Set();

  constructor(bytesMax: number = 256 * 1024 * 1024) {
    this.bytesMax = bytesMax;
  }

  /** For FinishedFiles: it has so many bytes more, `held` in all. */
  account(holder: FinishedFiles, bytes: number, held: number): void {
    this.bytes += bytes;
    if (held > 0) this.#holders.add(holder);
    else this.#holders.delete(holder);
  }

  /** Removes them all: the disk is full. */
  drop(): void {
    for (const holder of this.#holders) holder.drop();
  }
}

export interface FinishedFilesOptions {
  readonly spareBudget: SpareBudget;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether somebody syncs this log at all. */
  readonly syncs: () => boolean;
}

interface SpareFile {
  readonly path: string;
  readonly size: number;
}

export class FinishedFiles {
  readonly #options: FinishedFilesOptions;
  #spares: SpareFile[] = [];
  /** Of the spares, and of those that will be. */
  #bytes = 0;
  #usedMs: number;
  #state: "open" | "closed" | "abandoned" = "open";
  /** Removals and syncs of folders that are under way. */
  readonly #running: Set<Promise<void>> = new Set();

  constructor(options: FinishedFilesOptions) {
    this.#options = options;
    this.#usedMs = options.clock.now();
  }

  /** Of the files that are kept, or will be. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes over a closed file of `size` bytes: keeps it for another segment, or removes it. */
  add(file: string, size: number): void {
    const { disk, clock, logger, syncs } = this.#options;
    if (this.#state === "abandoned") return;
    if (this.#state === "closed" || !this.#hasRoom(size)) {
      this.#remove(file);
      return;
    }
    const spare = { path: `${file}${spareSuffix}`, size };
    try {
      disk.rename(file, spare.path);
    } catch (error) {
      logger.warn({ err: error, file }, "cannot keep a finished segment's file");
      this.#remove(file);
      return;
    }
    this.#usedMs = clock.now();
    this.#account(size);
    if (!syncs()) {
      this.#spares.push(spare);
      return;
    }
    // A power loss may bring the old name back, beside the next one: it must be gone before the bytes are others.
    this.#run(
      disk.syncFolder(path.dirname(file)).then(
        () => this.#keep(spare),
        (error: unknown) => {
          if (!isGone(error)) logger.warn({ err: error, file }, "cannot keep a finished segment's file");
          this.#giveUp(spare);
        },
      ),
    );
  }

  #keep(spare: SpareFile): void {
    if (this.#state === "open") this.#spares.push(spare);
    else this.#giveUp(spare);
  }

  #hasRoom(size: number): boolean {
    const { spareBudget } = this.#options;
    return this.#bytes + size <= spareBytesMax && spareBudget.bytes + size <= spareBudget.bytesMax;
  }

  #account(bytes: number): void {
    this.#bytes += bytes;
    this.#options.spareBudget.account(this, bytes, this.#bytes);
  }

  #giveUp({ path: file, size }: SpareFile): void {
    if (this.#state === "abandoned") return;
    this.#account(-size);
    this.#remove(file);
  }

  /**
   * Gives a kept file the name `file` and these first bytes; what it held before lies behind them, up to its size. Null
   * when none is kept, or the disk refuses.
   */
  reuse(file: string, content: Buffer): { file: DiskFile; size: number } | null {
    const spare = this.#spares.pop();
    if (spare === undefined) return null;
    const { disk, clock, logger } = this.#options;
    this.#usedMs = clock.now();
    let again: DiskFile | null = null;
    try {
      again = disk.open(spare.path);
      // First the bytes, then the name: whoever finds the name finds a segment's beginning.
      again.write(content, 0, content.length, 0);
      again.rename(file);
    } catch (error) {
      logger.warn({ err: error, file: spare.path }, "cannot use a finished segment's file again");
      again?.close();
      this.#giveUp(spare);
      return null;
    }
    this.#account(-spare.size);
    return { file: again, size: spare.size };
  }

  /** The regular look: files that nobody has needed for a while go. */
  trim(): void {
    if (this.#options.clock.now() - this.#usedMs >= spareMsMax) this.drop();
  }

  /** Removes the files that are kept. */
  drop(): void {
    for (const spare of this.#spares) this.#giveUp(spare);
    this.#spares = [];
  }

  #remove(file: string): void {
    const { disk, logger } = this.#options;
    this.#run(
      disk.removeFile(file).catch((error: unknown) => {
        if (!isGone(error)) logger.warn({ err: error, file }, "cannot remove a finished segment");
      }),
    );
  }

  #run(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** From now on nothing is kept. */
  close(): void {
    this.#state = "closed";
    this.drop();
  }

  /** Forgets the files, unless it was closed: they are for whoever removes their folder. */
  abandon(): void {
    if (this.#state !== "open") return;
    this.#state = "abandoned";
    this.#spares = [];
    this.#account(-this.#bytes);
  }

  /** Waits until all that is to go is gone. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

/** The file isn't there, or its folder, as when a queue has been deleted: nothing is left to do. */
function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
