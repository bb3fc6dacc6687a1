/**
 * The body of a request on its way in: kept in memory that grows with what has arrived, whatever was announced; or
 * passed by and forgotten. In the end a large one lies in memory that the journal can keep as it is.
 */
import {
  allocateLargeItem,
  giveBackLargeItem,
  largeItemBytes,
  largeItemStart,
} from "../journal/large-item.ts";

/** Memory begins with so much, and grows to so many times what has arrived; or to all, if that is not twice as much. */
const bytesMin = 16 * 1024;
const growth = 4;

export class IncomingBody {
  readonly size: number;
  /** Bytes that have arrived. */
  filled = 0;
  /** What is kept lies at `start`. */
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  /** How much can be kept. */
  capacity = 0;

  constructor(size: number) {
    this.size = size;
  }

  get isWhole(): boolean {
    return this.filled === this.size;
  }

  get missing(): number {
    return this.size - this.filled;
  }

  /** Where the body's part of `input[at, end)` ends. */
  endIn(at: number, end: number): number {
    return Math.min(end, at + this.missing);
  }

  /** The capacity that so many more bytes need. */
  capacityFor(size: number): number {
    const needed = this.filled + size;
    if (needed <= this.capacity) return this.capacity;
    const grown = Math.max(bytesMin, needed * growth);
    return grown * 2 < this.size ? grown : this.size;
  }

  /** Keeps `input[at, end)`, with that capacity. */
  keep(input: Buffer, at: number, end: number, capacity: number): void {
    input.copy(this.room(capacity), 0, at, end);
    this.filled += end - at;
  }

  /** Where what comes next belongs, with that capacity. */
  room(capacity: number): Buffer {
    if (capacity > this.capacity) this.#grow(capacity);
    return this.bytes.subarray(this.start + this.filled, this.start + this.capacity);
  }

  #grow(capacity: number): void {
    const isLarge = capacity >= largeItemBytes;
    const bytes = isLarge ? allocateLargeItem(capacity) : Buffer.allocUnsafeSlow(capacity);
    const start = isLarge ? largeItemStart : 0;
    this.bytes.copy(bytes, start, this.start, this.start + this.filled);
    giveBackLargeItem(this.bytes);
    this.bytes = bytes;
    this.start = start;
    this.capacity = capacity;
  }

  /** So many bytes went by, or have arrived in its room. */
  pass(size: number): void {
    this.filled += size;
  }
}
