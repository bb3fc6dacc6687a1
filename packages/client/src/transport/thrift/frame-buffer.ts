// Cuts what a connection receives into frames: a size in four bytes, and so many bytes. Keeps at most one frame that
// is not whole, and copies it once.

import { MalformedAnswer } from "./answer-reader.ts";

const HEAD_BYTES = 4;
const EMPTY: Buffer = Buffer.alloc(0);

export class FrameBuffer {
  readonly #frameBytesMax: number;
  #chunks: Buffer[] = [];
  #size = 0;
  /** How many bytes must be there before another look is worth it. */
  #needed = HEAD_BYTES;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Takes a chunk. */
  append(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole frame, without its size; undefined when more bytes are needed. Throws MalformedAnswer. */
  next(): Buffer | undefined {
    if (this.#size < this.#needed) return undefined;
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size);
    const size = bytes.readUInt32BE(0);
    if (size > this.#frameBytesMax) {
      throw new MalformedAnswer(`an answer of ${size} bytes, more than ${this.#frameBytesMax}`);
    }
    const end = HEAD_BYTES + size;
    const isWhole = bytes.length >= end;
    this.#keep(isWhole ? bytes.subarray(end) : bytes);
    this.#needed = isWhole ? HEAD_BYTES : end;
    return isWhole ? bytes.subarray(HEAD_BYTES, end) : undefined;
  }

  #keep(rest: Buffer): void {
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
  }

  /** Forgets everything. */
  clear(): void {
    this.#keep(EMPTY);
  }
}
