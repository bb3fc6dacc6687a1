/**
 * Memory of chunks of one size, used again: under load it is written and let go every few milliseconds, and fresh
 * memory costs a page fault for each 4 KB and a garbage collection for each 64 MB. It has no large items in it, so
 * whoever was shown an item has copied it before the log is asked for anything else.
 */
/** Kept at the most while nobody needs it. */
const freeLengthMax = 64;

export class ChunkMemory {
  /** Of each, in bytes. */
  readonly size: number;
  readonly #free: Buffer[] = [];
  /** Whatever else is given back is not ours: large items have been lent out by reference. */
  readonly #lent: WeakSet<Buffer> = new WeakSet();

  constructor(size: number) {
    this.size = size;
  }

  /** `size` bytes of any content. */
  take(): Buffer {
    const memory = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
    this.#lent.add(memory);
    return memory;
  }

  /** Nothing in it is read any more after the current call of the engine. */
  giveBack(memory: Buffer): void {
    if (this.#lent.delete(memory) && this.#free.length < freeLengthMax) this.#free.push(memory);
  }
}
