/**
 * A disk in memory that can fail. What was written survives a killed process; only what was synced survives a
 * power loss. `fault` is asked before each operation and may throw; a write may be torn by `tearAt`.
 */
import path from "node:path";
import type { Disk, DiskFile, FolderLock } from "../disk.ts";

interface Content {
  bytes: Buffer;
  size: number;
  /** What a power loss leaves. */
  synced: Buffer;
}

export type DiskOperation =
  | "create"
  | "open"
  | "write"
  | "read"
  | "truncate"
  | "sync"
  | "rename"
  | "removeFile"
  | "removeFolder"
  | "makeFolder";

export class FakeDisk implements Disk {
  readonly files: Map<string, Content> = new Map();
  readonly folders: Set<string> = new Set();
  /** Throws to make an operation fail. A number returned for a write: only so many bytes of it are written first. */
  fault: (operation: DiskOperation, file: string) => void = () => {};
  /** Bytes of a failing write that reach the file all the same. */
  tornBytes = 0;
  operations = 0;
  bytesWritten = 0;

  check(operation: DiskOperation, file: string): void {
    this.operations++;
    this.fault(operation, file);
  }

  async lockFolder(): Promise<FolderLock> {
    return { renew: () => {}, release: () => {} };
  }

  makeFolder(folder: string): void {
    this.check("makeFolder", folder);
    for (let at = folder; at !== "." && at !== "/"; at = path.dirname(at)) this.folders.add(at);
  }

  list(folder: string): string[] {
    const names = new Set<string>();
    for (const file of [...this.files.keys(), ...this.folders]) {
      if (path.dirname(file) === folder) names.add(path.basename(file));
    }
    return [...names].sort();
  }

  isFolder(name: string): boolean {
    return this.folders.has(name);
  }

  create(file: string): DiskFile {
    this.check("create", file);
    this.files.set(file, { bytes: Buffer.alloc(0), size: 0, synced: Buffer.alloc(0) });
    return new FakeFile(this, file);
  }

  open(file: string): DiskFile {
    this.check("open", file);
    if (!this.files.has(file)) throw systemError("ENOENT", file);
    return new FakeFile(this, file);
  }

  readFile(file: string): Buffer | undefined {
    this.check("open", file);
    return this.files.has(file) ? Buffer.from(this.bytesOf(file)) : undefined;
  }

  replaceFile(file: string, content: Buffer): void {
    this.check("write", file);
    this.setBytes(file, content);
  }

  rename(from: string, to: string): void {
    this.check("rename", from);
    for (const [file, content] of [...this.files]) {
      if (file !== from && !file.startsWith(`${from}/`)) continue;
      this.files.delete(file);
      this.files.set(to + file.slice(from.length), content);
    }
    if (this.folders.delete(from)) this.folders.add(to);
  }

  async removeFile(file: string): Promise<void> {
    this.check("removeFile", file);
    this.files.delete(file);
  }

  async removeFolder(folder: string): Promise<void> {
    this.removeFolderNow(folder);
  }

  removeFolderNow(folder: string): void {
    this.check("removeFolder", folder);
    for (const file of [...this.files.keys()]) if (file.startsWith(`${folder}/`)) this.files.delete(file);
    this.folders.delete(folder);
  }

  async syncFolder(_folder: string): Promise<void> {}

  /** The disk as the next process finds it after this one was killed. */
  afterKill(): FakeDisk {
    const next = new FakeDisk();
    for (const folder of this.folders) next.folders.add(folder);
    for (const [file, { bytes, size, synced }] of this.files) {
      next.files.set(file, { bytes: Buffer.from(bytes.subarray(0, size)), size, synced });
    }
    return next;
  }

  /** The disk after a power loss: what was not synced is gone. */
  afterPowerLoss(): FakeDisk {
    const next = new FakeDisk();
    for (const folder of this.folders) next.folders.add(folder);
    for (const [file, { synced }] of this.files) {
      next.files.set(file, { bytes: Buffer.from(synced), size: synced.length, synced });
    }
    return next;
  }

  /** Bytes of a file. */
  bytesOf(file: string): Buffer {
    const { bytes, size } = this.files.get(file)!;
    return bytes.subarray(0, size);
  }

  setBytes(file: string, bytes: Buffer): void {
    this.files.set(file, { bytes: Buffer.from(bytes), size: bytes.length, synced: Buffer.from(bytes) });
  }
}

export function systemError(code: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${file}`), { code });
}

class FakeFile implements DiskFile {
  path: string;
  readonly #disk: FakeDisk;
  /** Stays readable and writable when somebody removes the file, as an open descriptor does. */
  readonly #opened: Content;

  constructor(disk: FakeDisk, file: string) {
    this.#disk = disk;
    this.path = file;
    this.#opened = disk.files.get(file)!;
  }

  get #content(): Content {
    return this.#opened;
  }

  size(): number {
    return this.#content.size;
  }

  write(buffer: Buffer, start: number, end: number, offset: number): void {
    try {
      this.#disk.check("write", this.path);
    } catch (error) {
      this.#put(buffer, start, Math.min(end, start + this.#disk.tornBytes), offset);
      throw error;
    }
    this.#put(buffer, start, end, offset);
  }

  #put(buffer: Buffer, start: number, end: number, offset: number): void {
    const content = this.#content;
    const size = Math.max(content.size, offset + end - start);
    if (size > content.bytes.length) {
      const wider = Buffer.alloc(size * 2);
      content.bytes.copy(wider, 0, 0, content.size);
      content.bytes = wider;
    }
    buffer.copy(content.bytes, offset, start, end);
    content.size = size;
    this.#disk.bytesWritten += end - start;
  }

  readNow(buffer: Buffer, start: number, end: number, offset: number): number {
    this.#disk.check("read", this.path);
    const { bytes, size } = this.#content;
    return bytes.copy(buffer, start, offset, Math.min(size, offset + end - start));
  }

  async read(buffer: Buffer, start: number, end: number, offset: number): Promise<number> {
    return this.readNow(buffer, start, end, offset);
  }

  truncate(size: number): void {
    this.#disk.check("truncate", this.path);
    const content = this.#content;
    if (size > content.size)
      this.#put(Buffer.alloc(size - content.size), 0, size - content.size, content.size);
    content.bytes.fill(0, size);
    content.size = size;
  }

  rename(to: string): void {
    this.#disk.rename(this.path, to);
    this.path = to;
  }

  async sync(): Promise<void> {
    // The medium takes its time: what is written from here on is not covered.
    const { bytes, size } = this.#content;
    const covered = Buffer.from(bytes.subarray(0, size));
    await Promise.resolve();
    this.#disk.check("sync", this.path);
    this.#opened.synced = covered;
  }

  isThere(): boolean {
    return this.#disk.files.get(this.path) === this.#opened;
  }

  close(): void {}
}
