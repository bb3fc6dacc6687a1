/**
 * One file of a Kestrel 2.x journal, read from front to back or at any record. Memory is bounded by one window
 * of the file, and for one item by its size, which is checked against the file first. Never writes.
 */

import { type FileHandle, open } from "node:fs/promises";
import { decodeRecord, headerSizeMax, type JournalRecord } from "./record.ts";

/** Something in a journal that is not as it should be. */
export interface JournalFault {
  /** Of the file. */
  readonly path: string;
  readonly offset: number;
  /**
   * - `cut`: the file ends inside the record that begins here. The normal trace of a crash.
   * - `damaged`: no record begins here. What follows in this file can't be read.
   * - `odd`: a record that doesn't fit what came before it, and means nothing.
   */
  readonly kind: "cut" | "damaged" | "odd";
  readonly reason: string;
  /** From here to the end of the file, for `cut` and `damaged`: not read. */
  readonly unreadBytes: number;
}

const windowSize = 64 * 1024;

export class JournalFile {
  readonly path: string;
  /** When it was opened; what is appended later is not seen. */
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #window: Buffer = Buffer.allocUnsafe(windowSize);
  #windowOffset = 0;
  #windowLength = 0;

  static async open(path: string): Promise<JournalFile> {
    const handle = await open(path);
    try {
      return new JournalFile(path, handle, (await handle.stat()).size);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /**
   * All records in order, some at a time, up to the end of the file or to the first that is broken, which is
   * told to `onFault`.
   */
  async *records(onFault: (fault: JournalFault) => void): AsyncGenerator<readonly JournalRecord[]> {
    let offset = 0;
    while (offset < this.size) {
      await this.#load(offset, headerSizeMax);
      const records: JournalRecord[] = [];
      while (this.#covers(offset, headerSizeMax)) {
        const record = decodeRecord(this.#window, offset - this.#windowOffset, offset, this.size);
        if ("broken" in record) {
          yield records;
          const unreadBytes = this.size - offset;
          onFault({ path: this.path, offset, kind: record.broken, reason: record.reason, unreadBytes });
          return;
        }
        records.push(record);
        offset += record.size;
      }
      yield records;
    }
  }

  /** The record that begins at `offset`. Throws when there is none: the file has changed. */
  async readRecord(offset: number): Promise<JournalRecord> {
    await this.#load(offset, headerSizeMax);
    const record = decodeRecord(this.#window, offset - this.#windowOffset, offset, this.size);
    if ("broken" in record) throw this.#changed();
    return record;
  }

  /** The data of a record, in a buffer of their own. */
  async readData(record: JournalRecord): Promise<Buffer> {
    const offset = record.offset + record.size - record.dataSize;
    const data = Buffer.allocUnsafe(record.dataSize);
    if (data.length > windowSize) {
      await this.#read(data, data.length, offset);
    } else if (data.length > 0) {
      await this.#load(offset, data.length);
      this.#window.copy(data, 0, offset - this.#windowOffset);
    }
    return data;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** Whether the window holds so many bytes from `offset`, or as many as the file has; never at its end. */
  #covers(offset: number, size: number): boolean {
    const end = this.#windowOffset + this.#windowLength;
    return offset >= this.#windowOffset && offset < end && Math.min(offset + size, this.size) <= end;
  }

  async #load(offset: number, size: number): Promise<void> {
    if (this.#covers(offset, size)) return;
    const length = Math.min(windowSize, this.size - offset);
    this.#windowLength = 0;
    await this.#read(this.#window, length, offset);
    this.#windowOffset = offset;
    this.#windowLength = length;
  }

  async #read(into: Buffer, length: number, offset: number): Promise<void> {
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#handle.read(into, done, length - done, offset + done);
      if (bytesRead === 0) throw this.#changed();
      done += bytesRead;
    }
  }

  #changed(): Error {
    return new Error(`${this.path} has changed while it was read`);
  }
}
