/**
 * Writes a Kestrel 2.x journal: beside its place under a temporary name that Kestrel ignores, synced, and only
 * then moved to it. A crash leaves the whole journal or none.
 */

import { access, type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { encodeAdd, encodeOpen, encodeSaveId, type Kestrel2Item } from "./record.ts";

export interface WriteOptions {
  /** Replace a file that is there already. Refused otherwise. */
  replace?: boolean;
}

export interface Written {
  /** Items. */
  readonly length: number;
  /** Of the file. */
  readonly size: number;
}

const bufferSize = 256 * 1024;
/** The size of a record is a signed 32-bit number. */
const dataSizeMax = 2 ** 31 - 1 - 16;

/** Writes a journal that holds these items, from the head on, and nothing else. */
export async function writeJournal(
  path: string,
  items: Iterable<Kestrel2Item> | AsyncIterable<Kestrel2Item>,
  options: WriteOptions = {},
): Promise<Written> {
  const writer = await JournalWriter.start(path, options);
  try {
    for await (const item of items) await writer.add(item);
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** One journal while it is written. Ends with `finish` or `abandon`. */
export class JournalWriter {
  readonly #path: string;
  readonly #temporaryPath: string;
  readonly #handle: FileHandle;
  readonly #buffer: Buffer = Buffer.allocUnsafe(bufferSize);
  #used = 0;
  #written = 0;
  #length = 0;

  /** Throws when there is a file at `path` and it is not to be replaced. */
  static async start(path: string, options: WriteOptions): Promise<JournalWriter> {
    if (!options.replace && (await exists(path))) throw new Error(`${path} is there already`);
    const temporaryPath = `${path}~~${process.pid}-${Date.now()}`;
    return new JournalWriter(path, temporaryPath, await open(temporaryPath, "wx"));
  }

  private constructor(path: string, temporaryPath: string, handle: FileHandle) {
    this.#path = path;
    this.#temporaryPath = temporaryPath;
    this.#handle = handle;
  }

  /** Puts an item at the end of the queue; with `id`, under that id. */
  async add(item: Kestrel2Item, id = 0): Promise<void> {
    if (item.data.length > dataSizeMax) {
      throw new Error(`an item of ${item.data.length} bytes doesn't fit into a journal of Kestrel 2.x`);
    }
    await this.#append(encodeAdd(item, id));
    await this.#append(item.data);
    this.#length++;
  }

  /** Opens the head of the queue under this id. */
  async open(id: number): Promise<void> {
    await this.#append(encodeOpen(id));
  }

  /** Sets the last used id. */
  async saveId(id: number): Promise<void> {
    await this.#append(encodeSaveId(id));
  }

  /** From here on the journal is in its place, and on the disk. */
  async finish(): Promise<Written> {
    await this.#flush();
    await this.#handle.sync();
    await this.#handle.close();
    await rename(this.#temporaryPath, this.#path);
    const folder = await open(dirname(this.#path));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
    return { length: this.#length, size: this.#written };
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.#handle.close();
    await rm(this.#temporaryPath, { force: true });
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#used + bytes.length > bufferSize) await this.#flush();
    if (bytes.length > bufferSize) {
      await this.#write(bytes);
    } else {
      this.#used += bytes.copy(this.#buffer, this.#used);
    }
  }

  async #flush(): Promise<void> {
    await this.#write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  async #write(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#handle.write(bytes, done)).bytesWritten;
    }
    this.#written += bytes.length;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
