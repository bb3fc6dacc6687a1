/**
 * What all gatherings of a server hold for their answers: bounded, for a client may wait for more as long as it likes.
 * When that much is held, whoever has something is answered with it, and nobody is refused.
 */

const bytesMaxDefault = 64 * 1024 * 1024;
/** What an item takes besides its data. */
const itemOverheadBytes = 256;

export class GatheredMemory {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number = bytesMaxDefault) {
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** Holds an item with so many bytes of data; gives what that comes to, to be released. */
  hold(dataBytes: number): number {
    const bytes = itemOverheadBytes + dataBytes;
    this.#bytes += bytes;
    return bytes;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
