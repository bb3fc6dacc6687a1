/**
 * The body of a request on its way in: kept in a buffer that grows with what has arrived, whatever was announced;
 * or passed by and forgotten.
 */

/** A buffer begins with this much, and then grows to so many times what has arrived. */
const bytesMin = 16 * 1024;
const growth = 4;

export class IncomingBody {
  readonly size: number;
  /** Bytes that have arrived. */
  filled = 0;
  /** What is kept. */
  bytes: Buffer = Buffer.alloc(0);

  constructor(size: number) {
    this.size = size;
  }

  get isWhole(): boolean {
    return this.filled === this.size;
  }

  /** Where the body's part of `input[at, end)` ends. */
  endIn(at: number, end: number): number {
    return Math.min(end, at + this.size - this.filled);
  }

  /** Size of the buffer that so many more bytes need. */
  capacityFor(size: number): number {
    const needed = this.filled + size;
    if (needed <= this.bytes.length) return this.bytes.length;
    return Math.min(this.size, Math.max(bytesMin, needed * growth));
  }

  /** Keeps `input[at, end)` in a buffer of that capacity. */
  keep(input: Buffer, at: number, end: number, capacity: number): void {
    if (capacity > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(capacity);
      this.bytes.copy(grown, 0, 0, this.filled);
      this.bytes = grown;
    }
    input.copy(this.bytes, this.filled, at, end);
    this.filled += end - at;
  }

  /** So many bytes went by. */
  pass(size: number): void {
    this.filled += size;
  }
}
