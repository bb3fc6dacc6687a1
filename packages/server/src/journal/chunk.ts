/**
 * A stretch of a segment's bytes that can be in memory: whole frames, exactly as they lie in the file. The last
 * chunk of a log is its tail, where records are appended; it starts small and grows, so that ten thousand idle
 * queues are cheap. A chunk whose bytes were let go is read back from the file when a reader comes near.
 */
import { viewOf } from "./bytes.ts";
import type { LogReader } from "./log-reader.ts";
import type { Segment } from "./segment.ts";

/** The tail grows to this, then a new chunk begins. */
export const chunkSizeMax: number = 256 * 1024;
/**
 * A tail that was read to its end does not grow beyond this: a new chunk begins, or ten thousand queues that are empty
 * most of the time would keep gigabytes.
 */
export const emptyTailSizeMax: number = 32 * 1024;
/** What a new log's first chunk takes. */
export const chunkSizeMin = 512;

export class Chunk {
  readonly segment: Segment;
  /** Place in the file. */
  readonly offset: number;
  /** Rises by one per chunk of a log: tells which of two comes first. */
  readonly order: number;
  /** The first id that can be in it; one past the last one is the next chunk's. */
  readonly firstId: number;
  /** Bytes in use. */
  size: number;
  /** How many of them the file has. */
  writtenSize: number;
  /** Null while the bytes are only in the file. */
  buffer: Buffer | null;
  view: DataView | null;
  next: Chunk | null = null;
  /** Its memory is one large item's, and does not grow. */
  isFixed = false;
  /** Readers to tell when the bytes are here again; null when nobody is reading them. */
  awaitedBy: Set<LogReader> | null = null;

  constructor(segment: Segment, offset: number, order: number, firstId: number, size: number) {
    this.segment = segment;
    this.offset = offset;
    this.order = order;
    this.firstId = firstId;
    this.size = size;
    this.writtenSize = size;
    this.buffer = null;
    this.view = null;
  }

  get capacity(): number {
    return this.buffer === null ? 0 : this.buffer.length;
  }

  get end(): number {
    return this.offset + this.size;
  }

  /** Gives the chunk these bytes, or none; returns by how many bytes its memory has grown. */
  hold(buffer: Buffer | null): number {
    const before = this.capacity;
    this.buffer = buffer;
    this.view = buffer === null ? null : viewOf(buffer);
    return this.capacity - before;
  }

  /**
   * Makes room for `bytes` more; returns by how many bytes its memory has grown, or -1 when they belong into a
   * new chunk.
   */
  grow(bytes: number): number {
    const needed = this.size + bytes;
    if (needed <= this.capacity) return 0;
    if (this.isFixed) return -1;
    if (needed > chunkSizeMax) return this.size === 0 ? this.#widen(needed) : -1;
    return this.#widen(Math.min(chunkSizeMax, Math.max(needed, this.capacity * 2, chunkSizeMin)));
  }

  #widen(capacity: number): number {
    const wider = Buffer.allocUnsafeSlow(capacity);
    this.buffer?.copy(wider, 0, 0, this.size);
    return this.hold(wider);
  }
}
