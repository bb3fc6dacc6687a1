/**
 * Files, reached only through here, so that tests can own the disk and make it fail. Appends are synchronous
 * (one write per log and turn, see ARCHITECTURE.md); whatever may take long (reading back, fdatasync, removing
 * big files) has an asynchronous form that leaves the event loop free.
 */
import fs from "node:fs";
import path from "node:path";
import { DescriptorPool, PooledFile } from "./pooled-file.ts";
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

/** The file system of this machine. Ten thousand idle queues do not hold ten thousand descriptors. */
export class NodeDisk implements Disk {
  readonly #descriptors: DescriptorPool;

  /** Keeps `descriptorsMax` files open at the most; unless set, about a third of what the process may open. */
  constructor(descriptorsMax?: number) {
    this.#descriptors = new DescriptorPool(descriptorsMax);
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
    return leadsToFolder(name);
  }

  create(file: string): DiskFile {
    return new PooledFile(file, fs.openSync(file, "w+"), this.#descriptors);
  }

  open(file: string): DiskFile {
    return new PooledFile(file, fs.openSync(file, "r+"), this.#descriptors);
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
}

/** Whether there is a folder, or a link to one. Throws the system's error. */
export function leadsToFolder(name: string): boolean {
  try {
    // With big numbers: what Node found last of the other kind misleads the next import, if it was a pipe or a socket.
    return fs.statSync(name, { throwIfNoEntry: false, bigint: true })?.isDirectory() ?? false;
  } catch (error) {
    // A link that leads to itself.
    if ((error as NodeJS.ErrnoException).code === "ELOOP") return false;
    throw error;
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
