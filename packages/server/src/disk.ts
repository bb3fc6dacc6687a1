/**
 * Files, reached only through here, so that tests can own the disk and make it fail. Appends are synchronous
 * (one write per log and turn, see ARCHITECTURE.md); whatever may take long (reading back, fdatasync, removing
 * big files) has an asynchronous form that leaves the event loop free.
 */
import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { SpoolLock } from "./spool-lock.ts";

/** An open file. Offsets and sizes in bytes. A method either does all that was asked or throws the system's error. */
export interface DiskFile {
  readonly path: string;
  size(): number;
  /** Writes `buffer[start, end)` at `offset`, whole. After an error any part of it may have been written. */
  write(buffer: Buffer, start: number, end: number, offset: number): void;
  /** Reads up to `end - start` bytes from `offset`; fewer only at the end of the file. */
  readNow(buffer: Buffer, start: number, end: number, offset: number): number;
  read(buffer: Buffer, start: number, end: number, offset: number): Promise<number>;
  truncate(size: number): void;
  /** Gives it another name, in place of whatever has that. */
  rename(to: string): void;
  /** fdatasync. */
  sync(): Promise<void>;
  /** Whether its name still leads to it: false once somebody has removed the file or its folder. */
  isThere(): boolean;
  close(): void;
}

/** Held by the one process that owns a folder. */
export interface FolderLock {
  /** Puts it back if somebody has removed it. Throws SpoolLockedError when it is another's now, or the system's error. */
  renew(): void;
  release(): void;
}

export interface Disk {
  /**
   * Makes this process the owner of an existing folder. Rejects with SpoolLockedError when another one is; `onWait` is
   * told why it takes a while to find out.
   */
  lockFolder(folder: string, onWait: (reason: string) => void): Promise<FolderLock>;
  /** Creates the folder and what is missing above it. */
  makeFolder(folder: string): void;
  /** Names in the folder, sorted. */
  list(folder: string): string[];
  isFolder(name: string): boolean;
  /** A new, empty file; one of that name that exists is emptied. */
  create(file: string): DiskFile;
  open(file: string): DiskFile;
  /** A small file as a whole; undefined when there is none. */
  readFile(file: string): Buffer | undefined;
  /**
   * Puts a small file in the place of whatever has its name, and forces it onto the medium: a crash at any moment
   * leaves the old one or the new one. Creates folders that are missing above it.
   */
  replaceFile(file: string, content: Buffer): void;
  rename(from: string, to: string): void;
  removeFile(file: string): Promise<void>;
  /** Removes the folder and all in it; at once only where that is little. */
  removeFolder(folder: string): Promise<void>;
  removeFolderNow(folder: string): void;
  /** Makes creations, renames and removals in the folder survive a power loss. */
  syncFolder(folder: string): Promise<void>;
}

const readAsync = promisify(fs.read);
const fdatasyncAsync = promisify(fs.fdatasync);

/** Node refuses to read 2 GiB at a time. */
const readBytesMax = 1024 * 1024 * 1024;

/**
 * Nobody writes more at a time. For a large write Linux looks for large pages in its cache, and where it has to ask
 * for fresh ones 16 MB took 45 ms, in pieces of this size 3 ms.
 */
const writeBytesMax = 256 * 1024;

/** Reads into `buffer[start, end)` from `offset` of a file, at once; returns how much there was. Throws the system's error. */
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

/** The share of the process's file descriptors that logs may hold; the rest, which is more, is for sockets. */
const logShare = 0.48;

/** The soft limit on open files (`ulimit -n`), which Node cannot tell. */
const findOpenFilesMax = (): number => {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"));
    return line === null ? 1024 : Number(line[1]);
  } catch {
    return 256;
  }
};

/**
 * The file system of this machine. Ten thousand idle queues do not hold ten thousand descriptors: a file's
 * descriptor is opened when needed, and another one is closed when there are too many. Chance decides which: were it
 * the one unused for longest, a few files too many, written in turn, would all be opened anew for each write; and
 * nobody has to note which files are used.
 */
export class NodeDisk implements Disk {
  readonly #descriptorsMax: number;
  /** Files that have a descriptor; each knows its place in here. */
  readonly #open: NodeFile[] = [];

  constructor(descriptorsMax: number = Math.max(64, Math.floor(findOpenFilesMax() * logShare))) {
    this.#descriptorsMax = descriptorsMax;
  }

  lockFolder(folder: string, onWait: (reason: string) => void): Promise<FolderLock> {
    return SpoolLock.take(folder, onWait);
  }

  makeFolder(folder: string): void {
    try {
      fs.mkdirSync(folder);
    } catch (error) {
      // Node's recursive form calls a file system that is read-only a folder that is missing.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EEXIST" && code !== "ENOENT") throw error;
      fs.mkdirSync(folder, { recursive: true });
    }
  }

  list(folder: string): string[] {
    return fs.readdirSync(folder).sort();
  }

  isFolder(name: string): boolean {
    return fs.statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false;
  }

  create(file: string): DiskFile {
    const created = new NodeFile(file, this);
    created.adopt(fs.openSync(file, "w+"));
    return created;
  }

  open(file: string): DiskFile {
    const opened = new NodeFile(file, this);
    opened.adopt(fs.openSync(file, "r+"));
    return opened;
  }

  readFile(file: string): Buffer | undefined {
    try {
      return fs.readFileSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  replaceFile(file: string, content: Buffer): void {
    this.makeFolder(path.dirname(file));
    const next = `${file}.new`;
    try {
      fs.writeFileSync(next, content, { flush: true });
      fs.renameSync(next, file);
    } catch (error) {
      fs.rmSync(next, { force: true });
      throw error;
    }
    syncNow(path.dirname(file));
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to);
  }

  removeFile(file: string): Promise<void> {
    return fs.promises.unlink(file);
  }

  removeFolder(folder: string): Promise<void> {
    return fs.promises.rm(folder, { recursive: true, force: true });
  }

  removeFolderNow(folder: string): void {
    fs.rmSync(folder, { recursive: true, force: true });
  }

  async syncFolder(folder: string): Promise<void> {
    const handle = await fs.promises.open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** For NodeFile: it has a descriptor now. */
  opened(file: NodeFile): void {
    file.openIndex = this.#open.push(file) - 1;
    if (this.#open.length > this.#descriptorsMax) this.#releaseAny(file);
  }

  /** Closes the descriptor of any file but this one; of none if all are in use. */
  #releaseAny(opened: NodeFile): void {
    const { length } = this.#open;
    const first = Math.floor(Math.random() * length);
    for (let i = 0; i < length; i++) {
      const file = this.#open[(first + i) % length]!;
      if (file !== opened && file.release()) return;
    }
  }

  /** For NodeFile: its descriptor is gone. */
  released(file: NodeFile): void {
    const last = this.#open.pop()!;
    if (last === file) return;
    this.#open[file.openIndex] = last;
    last.openIndex = file.openIndex;
  }
}

function syncNow(folder: string): void {
  const descriptor = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** A file whose descriptor comes and goes. */
class NodeFile implements DiskFile {
  path: string;
  /** The disk's: its place among the files that have a descriptor. */
  openIndex = -1;
  readonly #disk: NodeDisk;
  #descriptor = -1;
  /** The descriptor's, once it was asked for. */
  #inode: number | null = null;
  /** Asynchronous calls that hold the descriptor. */
  #busy = 0;
  #isClosed = false;

  constructor(name: string, disk: NodeDisk) {
    this.path = path.resolve(name);
    this.#disk = disk;
  }

  adopt(descriptor: number): void {
    this.#descriptor = descriptor;
    this.#inode = null;
    this.#disk.opened(this);
  }

  /** Gives the descriptor back if nobody is using it at this moment. */
  release(): boolean {
    if (this.#busy > 0) return false;
    if (this.#descriptor < 0) return true;
    fs.closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#disk.released(this);
    return true;
  }

  #need(): number {
    if (this.#isClosed) throw new Error(`${this.path} is closed`);
    if (this.#descriptor < 0) this.adopt(fs.openSync(this.path, "r+"));
    return this.#descriptor;
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
    return readDescriptor(this.#need(), buffer, start, end, offset);
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
    fs.ftruncateSync(this.#need(), size);
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
