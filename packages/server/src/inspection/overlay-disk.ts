/**
 * A disk whose changes stay in memory, to try a recovery on: it finds every file as it is, may cut, write and
 * remove, and touches none. Holds a copy of each file that is written to; one that is only cut or removed costs
 * nothing.
 */
import path from "node:path";
import type { DiskFile } from "../disk.ts";
import type { RecoveryDisk } from "../journal/recovery.ts";
import type { FileSource, ReadableFile } from "./file-source.ts";

/** A file as it has become: the first `size` bytes of `source`, or bytes of its own. */
interface Content {
  source: ReadableFile | null;
  bytes: Buffer;
  size: number;
}

export class OverlayDisk implements RecoveryDisk {
  readonly #source: FileSource;
  /** By path, what differs from the source; null: removed. */
  readonly #changed: Map<string, Content | null> = new Map();

  constructor(source: FileSource) {
    this.#source = source;
  }

  /** Paths of the files that have been removed. */
  get removed(): string[] {
    return [...this.#changed].filter(([, content]) => content === null).map(([file]) => file);
  }

  list(folder: string): string[] {
    const names = new Set(this.#source.list(folder));
    const parent = path.dirname(path.join(folder, "any"));
    for (const [file, content] of this.#changed) {
      if (path.dirname(file) !== parent) continue;
      if (content === null) names.delete(path.basename(file));
      else names.add(path.basename(file));
    }
    return [...names].sort();
  }

  create(file: string): DiskFile {
    const content = { source: null, bytes: Buffer.alloc(0), size: 0 };
    this.#changed.set(file, content);
    return new OverlayFile(file, content);
  }

  open(file: string): DiskFile {
    let content = this.#changed.get(file);
    if (content === null) throw Object.assign(new Error(`ENOENT: ${file}`), { code: "ENOENT" });
    if (content === undefined) {
      const source = this.#source.open(file);
      content = { source, bytes: Buffer.alloc(0), size: source.size() };
      this.#changed.set(file, content);
    }
    return new OverlayFile(file, content);
  }

  async removeFile(file: string): Promise<void> {
    this.#changed.set(file, null);
  }
}

class OverlayFile implements DiskFile {
  readonly path: string;
  readonly #content: Content;

  constructor(file: string, content: Content) {
    this.path = file;
    this.#content = content;
  }

  size(): number {
    return this.#content.size;
  }

  write(buffer: Buffer, start: number, end: number, offset: number): void {
    this.#own(Math.max(this.#content.size, offset + end - start));
    buffer.copy(this.#content.bytes, offset, start, end);
  }

  readNow(buffer: Buffer, start: number, end: number, offset: number): number {
    const { source, bytes, size } = this.#content;
    const stop = Math.min(end, start + Math.max(0, size - offset));
    if (source !== null) return source.readNow(buffer, start, stop, offset);
    return bytes.copy(buffer, start, offset, offset + stop - start);
  }

  async read(buffer: Buffer, start: number, end: number, offset: number): Promise<number> {
    return this.readNow(buffer, start, end, offset);
  }

  truncate(size: number): void {
    const content = this.#content;
    if (size > content.size) this.#own(size);
    else if (content.source === null) content.bytes = content.bytes.subarray(0, size);
    content.size = size;
  }

  rename(): never {
    throw new Error("a recovery renames nothing");
  }

  /** From now on `size` bytes in memory, what lies behind the present ones zero. */
  #own(size: number): void {
    const wider = Buffer.alloc(size);
    this.readNow(wider, 0, Math.min(size, this.#content.size), 0);
    Object.assign(this.#content, { source: null, bytes: wider, size });
  }

  async sync(): Promise<void> {}

  isThere(): boolean {
    return true;
  }

  close(): void {}
}
