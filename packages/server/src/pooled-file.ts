/**
 * Files whose descriptors come and go: one is opened when it is needed, and another one is closed when there are too
 * many. What is under way with a file keeps its descriptor open.
 */
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { DiskFile } from "./disk.ts";
import { journalFilesMax } from "./open-files.ts";

const readAsync = promisify(fs.read);
const fdatasyncAsync = promisify(fs.fdatasync);

/** Node refuses to read 2 GiB at a time. */
const readBytesMax = 1024 * 1024 * 1024;

/**
 * Nobody writes more at a time. For a large write Linux looks for large pages in its cache, and where it has to ask
 * for fresh ones 16 MB took 45 ms, in pieces of this size 3 ms.
 */
const writeBytesMax = 256 * 1024;

/**
 * Reads into `buffer[start, end)` from `offset` of a file, at once; returns how much there was. Throws the system's
 * error.
 */
export function readDescriptor(
  descriptor: number,
  buffer: Buffer,
  start: number,
  end: number,
  offset: number,
): number {
  let from = start;
  while (from < end) {
    const size = Math.min(end - from, readBytesMax);
    const got = fs.readSync(descriptor, buffer, from, size, offset + from - start);
    if (got === 0) break;
    from += got;
  }
  return from - start;
}

/**
 * The files that have a descriptor at present. Chance decides which of them gives it back: were it the one unused for
 * longest, a few files too many, written in turn, would all be opened anew for each write; and nobody has to note which
 * files are used.
 */
export class DescriptorPool {
  readonly #descriptorsMax: number;
  /** Each knows its place in here. */
  readonly #open: PooledFile[] = [];

  constructor(descriptorsMax: number = journalFilesMax()) {
    this.#descriptorsMax = descriptorsMax;
  }

  /** This file has a descriptor now. */
  opened(file: PooledFile): void {
    file.openIndex = this.#open.push(file) - 1;
    if (this.#open.length > this.#descriptorsMax) this.#releaseAny(file);
  }

  /** Closes the descriptor of any file but this one; of none if all are in use. */
  #releaseAny(opened: PooledFile): void {
    const { length } = this.#open;
    const first = Math.floor(Math.random() * length);
    for (let i = 0; i < length; i++) {
      const file = this.#open[(first + i) % length]!;
      if (file !== opened && file.release()) return;
    }
  }

  /** Its descriptor is gone. */
  released(file: PooledFile): void {
    const last = this.#open.pop()!;
    if (last === file) return;
    this.#open[file.openIndex] = last;
    last.openIndex = file.openIndex;
  }
}

export class PooledFile implements DiskFile {
  path: string;
  /** The pool's: its place among the files that have a descriptor. */
  openIndex = -1;
  readonly #pool: DescriptorPool;
  #descriptor = -1;
  /** The descriptor's, once it was asked for. */
  #inode: number | null = null;
  /** Asynchronous calls that hold the descriptor. */
  #busy = 0;
  #isClosed = false;

  /** Takes over a descriptor that was just opened under this name. */
  constructor(name: string, descriptor: number, pool: DescriptorPool) {
    this.path = path.resolve(name);
    this.#pool = pool;
    this.#adopt(descriptor);
  }

  #adopt(descriptor: number): void {
    this.#descriptor = descriptor;
    this.#inode = null;
    this.#pool.opened(this);
  }

  /** Gives the descriptor back if nobody is using it at this moment. */
  release(): boolean {
    if (this.#busy > 0) return false;
    if (this.#descriptor < 0) return true;
    fs.closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#pool.released(this);
    return true;
  }

  #need(): number {
    if (this.#isClosed) throw new Error(`${this.path} is closed`);
    if (this.#descriptor < 0) this.#adopt(fs.openSync(this.path, "r+"));
    return this.#descriptor;
  }

  /** The system's error, which doesn't tell the file where it was reached by its descriptor. */
  #named(error: unknown): unknown {
    return Object.assign(error as Error, { path: this.path });
  }

  size(): number {
    return fs.fstatSync(this.#need()).size;
  }

  write(buffer: Buffer, start: number, end: number, offset: number): void {
    const descriptor = this.#need();
    let from = start;
    while (from < end) {
      const size = Math.min(end - from, writeBytesMax);
      from += fs.writeSync(descriptor, buffer, from, size, offset + from - start);
    }
  }

  readNow(buffer: Buffer, start: number, end: number, offset: number): number {
    try {
      return readDescriptor(this.#need(), buffer, start, end, offset);
    } catch (error) {
      throw this.#named(error);
    }
  }

  read(buffer: Buffer, start: number, end: number, offset: number): Promise<number> {
    return this.#hold(async (descriptor) => {
      let from = start;
      while (from < end) {
        const size = Math.min(end - from, readBytesMax);
        const { bytesRead } = await readAsync(descriptor, buffer, from, size, offset + from - start);
        if (bytesRead === 0) break;
        from += bytesRead;
      }
      return from - start;
    });
  }

  truncate(size: number): void {
    try {
      fs.ftruncateSync(this.#need(), size);
    } catch (error) {
      throw this.#named(error);
    }
  }

  rename(to: string): void {
    fs.renameSync(this.path, to);
    this.path = path.resolve(to);
  }

  sync(): Promise<void> {
    return this.#hold((descriptor) => fdatasyncAsync(descriptor));
  }

  isThere(): boolean {
    const named = fs.statSync(this.path, { throwIfNoEntry: false });
    // Without a descriptor it is whatever has its name.
    if (named === undefined || this.#descriptor < 0) return named !== undefined;
    this.#inode ??= fs.fstatSync(this.#descriptor).ino;
    return named.ino === this.#inode;
  }

  async #hold<T>(use: (descriptor: number) => Promise<T>): Promise<T> {
    const descriptor = this.#need();
    this.#busy++;
    try {
      return await use(descriptor);
    } catch (error) {
      throw this.#named(error);
    } finally {
      this.#busy--;
      if (this.#isClosed) this.release();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.release();
  }
}
