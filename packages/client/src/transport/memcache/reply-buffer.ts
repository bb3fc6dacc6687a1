// Collects the bytes of a connection until memjs can parse whole replies from them, copying a large reply
// once instead of once per chunk. Checks every header before memjs sees it: memjs would wait for ever on a
// wrong length and never looks at the magic byte.

import { TransportError } from "../transport-error.ts";

const EMPTY: Buffer = Buffer.alloc(0);
const HEADER_BYTES = 24;
const REPLY_MAGIC = 0x81;

export class ReplyBuffer {
  readonly #replyBytesMax: number;
  #chunks: Buffer[] = [];
  #size = 0;
  /** How many bytes must be there before another look is worth it. */
  #needed = HEADER_BYTES;
  #failure: TransportError | undefined;

  constructor(replyBytesMax: number) {
    this.#replyBytesMax = replyBytesMax;
  }

  /**
   * Takes what the parser left over last time and a new chunk; gives a buffer that starts with at least one
   * whole reply, or an empty one when more bytes are needed. What is given is all good; look at `failure`
   * for what came behind it.
   */
  append(leftOver: Buffer, chunk: Buffer): Buffer {
    if (leftOver.length > 0) this.#push(leftOver);
    this.#push(chunk);
    if (this.#size < this.#needed) return EMPTY;
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [];
    this.#size = 0;
    this.#needed = HEADER_BYTES;
    const { good, firstSize } = this.#check(bytes);
    if (good.length >= firstSize) return good;
    this.#push(good);
    this.#needed = firstSize;
    return EMPTY;
  }

  /** Set once bytes have come that are no memcache reply, or too large a one: nothing more can be read. */
  get failure(): TransportError | undefined {
    return this.#failure;
  }

  #push(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#size += bytes.length;
  }

  /** Checks each header that is there; gives the bytes up to the first bad one, and the size of the first reply. */
  #check(bytes: Buffer): { good: Buffer; firstSize: number } {
    let firstSize = HEADER_BYTES;
    for (let offset = 0; offset + HEADER_BYTES <= bytes.length; ) {
      const bodySize = bytes.readUInt32BE(offset + 8);
      this.#failure = this.#headerFailure(bytes, offset, bodySize);
      if (this.#failure !== undefined) return { good: bytes.subarray(0, offset), firstSize };
      if (offset === 0) firstSize = HEADER_BYTES + bodySize;
      offset += HEADER_BYTES + bodySize;
    }
    return { good: bytes, firstSize };
  }

  #headerFailure(bytes: Buffer, offset: number, bodySize: number): TransportError | undefined {
    const keySize = bytes.readUInt16BE(offset + 2);
    const extrasSize = bytes[offset + 4]!;
    if (bytes[offset] !== REPLY_MAGIC || keySize + extrasSize > bodySize) {
      return new TransportError("no-answer", "the node sent bytes that are no memcache reply");
    }
    if (bodySize > this.#replyBytesMax) {
      const text = `the node announced a reply of ${bodySize} bytes, more than ${this.#replyBytesMax}`;
      return new TransportError("no-answer", text);
    }
    return undefined;
  }
}
