/**
 * Looking at the items of a queue without touching them: nothing is moved, counted, read from the file or kept in
 * memory for it. So it sees only what is in memory anyway, and says where that ends.
 */
import { readU64 } from "../journal/bytes.ts";
import type { Chunk } from "../journal/chunk.ts";
import { frameHeadSize, frameType } from "../journal/frame.ts";
import type { LogReader } from "../journal/log-reader.ts";
import { putExpiry, recordType } from "../journal/record.ts";

export interface BrowsedItem {
  readonly id: number;
  readonly flags: number;
  readonly addTimeMs: number;
  /** 0: never. */
  readonly expiryMs: number;
  /** Bytes of data it has. */
  readonly size: number;
  /** A copy of the first of them. */
  readonly data: Buffer;
}

export interface Browsed {
  /** From the head on; an item that was given back comes first again. */
  readonly items: BrowsedItem[];
  /** True: the next item is in the file only, or too far to look for. */
  readonly isCut: boolean;
}

/** Records looked at in search of one item: bounds a look at a queue whose log belongs to many others. */
const recordsMax = 10_000;

/** The first `lengthMax` items, with at most `dataBytesMax` of each one's data. */
export function browse(reader: LogReader, lengthMax: number, dataBytesMax: number): Browsed {
  const items: BrowsedItem[] = [];
  const walk = new Walk(reader);
  while (items.length < lengthMax && walk.next()) items.push(walk.item(dataBytesMax));
  return { items, isCut: walk.isCut };
}

/** When the item at the head was put, in ms since the epoch; undefined when there is none, or it is in the file only. */
export function findHeadTime(reader: LogReader): number | undefined {
  if (reader.items === 0) return undefined;
  const walk = new Walk(reader);
  return walk.next() ? walk.addTimeMs : undefined;
}

/** Goes from item to item as `LogReader.find` and `take` would, and leaves no trace. */
class Walk {
  /** The walk has ended where it could not see on. */
  isCut = false;
  readonly #reader: LogReader;
  #returned = 0;
  /** Where the next record is, and the item found last. */
  #chunk: Chunk | null;
  #at: number;
  #foundView: DataView | null = null;
  #foundBuffer: Buffer | null = null;
  #foundAt = 0;

  constructor(reader: LogReader) {
    this.#reader = reader;
    this.#chunk = reader.chunk;
    this.#at = reader.at;
  }

  /** Goes on to the next item. False: there is none, or it cannot be seen. */
  next(): boolean {
    const returned = this.#reader.returnedPlaces()[this.#returned];
    if (returned !== undefined) {
      this.#returned++;
      return this.#show(returned.chunk, returned.at);
    }
    let left = recordsMax;
    while (this.#chunk !== null) {
      const chunk = this.#chunk;
      if (this.#at >= chunk.size || chunk.segment.isDropped) {
        this.#chunk = chunk.next;
        this.#at = 0;
        continue;
      }
      const { view } = chunk;
      if (view === null || left-- === 0) {
        this.isCut = true;
        return false;
      }
      const at = this.#at;
      const type = view.getUint8(at);
      this.#at =
        at + (type === frameType ? frameHeadSize : view.getUint8(at + 1) + view.getUint32(at + 4, true));
      if (type === recordType.put && !this.#reader.done.has(readU64(view, at + 8))) {
        return this.#show(chunk, at);
      }
    }
    return false;
  }

  #show(chunk: Chunk, at: number): boolean {
    if (chunk.view === null) {
      this.isCut = true;
      return false;
    }
    this.#foundView = chunk.view;
    this.#foundBuffer = chunk.buffer;
    this.#foundAt = at;
    return true;
  }

  get addTimeMs(): number {
    return readU64(this.#foundView!, this.#foundAt + 16);
  }

  item(dataBytesMax: number): BrowsedItem {
    const view = this.#foundView!;
    const at = this.#foundAt;
    const start = at + view.getUint8(at + 1);
    const size = view.getUint32(at + 4, true);
    return {
      id: readU64(view, at + 8),
      flags: view.getUint32(at + 24, true),
      addTimeMs: this.addTimeMs,
      expiryMs: putExpiry(view, at),
      size,
      data: Buffer.from(this.#foundBuffer!.subarray(start, start + Math.min(size, dataBytesMax))),
    };
  }
}
