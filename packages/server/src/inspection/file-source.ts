/**
 * Files that can only be read: what the inspection of a journal needs of a disk. Any `Disk` is one; `NodeFiles` is
 * the file system of this machine, and does not even ask for the right to write.
 */
import fs from "node:fs";
import { type Disk, type DiskFile, leadsToFolder } from "../disk.ts";
import { readDescriptor } from "../pooled-file.ts";

export type ReadableFile = Pick<DiskFile, "size" | "readNow" | "close">;

export interface FileSource extends Pick<Disk, "list" | "isFolder"> {
  open(file: string): ReadableFile;
}

export function sizeOf(source: FileSource, file: string): number {
  const opened = source.open(file);
  try {
    return opened.size();
  } finally {
    opened.close();
  }
}

/** Bytes in memory as a file. */
export function fileOf(bytes: Buffer): ReadableFile {
  return {
    size: () => bytes.length,
    readNow: (buffer, start, end, offset) => bytes.copy(buffer, start, offset, offset + end - start),
    close: () => {},
  };
}

/** The whole file, or what of it is there when somebody shortens it meanwhile. Throws the system's error. */
export function readWhole(source: FileSource, file: string): Buffer {
  const opened = source.open(file);
  try {
    const size = opened.size();
    const bytes = Buffer.allocUnsafeSlow(size);
    return bytes.subarray(0, opened.readNow(bytes, 0, size, 0));
  } finally {
    opened.close();
  }
}

export class NodeFiles implements FileSource {
  list(folder: string): string[] {
    return fs.readdirSync(folder).sort();
  }

  isFolder(name: string): boolean {
    return leadsToFolder(name);
  }

  open(file: string): ReadableFile {
    fs.accessSync(file, fs.constants.R_OK);
    return new NodeReadableFile(file);
  }
}

/** Holds no descriptor between two calls: a log may have more segments than a process may have files open. */
class NodeReadableFile implements ReadableFile {
  readonly #path: string;

  constructor(file: string) {
    this.#path = file;
  }

  size(): number {
    return fs.statSync(this.#path).size;
  }

  readNow(buffer: Buffer, start: number, end: number, offset: number): number {
    const descriptor = fs.openSync(this.#path, "r");
    try {
      return readDescriptor(descriptor, buffer, start, end, offset);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  close(): void {}
}
