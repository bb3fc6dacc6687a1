/** Input that could not be read yet: an unfinished line or frame, or requests behind one that waits. */

const bytesMin = 256;

export class HeldInput {
  /** What is held is `bytes[start, end)`. */
  bytes: Buffer;
  start = 0;
  end: number;

  /** Holds a copy of `input[start, end)`. */
  constructor(input: Buffer, start: number, end: number) {
    this.end = end - start;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(bytesMin, this.end));
    input.copy(this.bytes, 0, start, end);
  }

  get size(): number {
    return this.end - this.start;
  }

  /** Appends a copy of `input[0, size)`. */
  append(input: Buffer, size: number): void {
    if (this.end + size > this.bytes.length) this.#makeRoom(size);
    input.copy(this.bytes, this.end, 0, size);
    this.end += size;
  }

  /** Moves what is held to the front, of a larger buffer if need be. */
  #makeRoom(size: number): void {
    const needed = this.size + size;
    const bytes = needed <= this.bytes.length / 2 ? this.bytes : Buffer.allocUnsafeSlow(needed * 2);
    this.bytes.copy(bytes, 0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    this.bytes = bytes;
  }
}
