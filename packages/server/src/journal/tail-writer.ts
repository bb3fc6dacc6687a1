/** Records go into frames at the tail of a log's memory; what the file gets of them is the log's business. */
import { type Chunk, chunkSizeMax, emptyTailSizeMax } from "./chunk.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import { frameHeadSize, frameType, sealFrame } from "./frame.ts";
import { claimLargeItem, largeItemBytes, largeItemStart } from "./large-item.ts";
import type { LogReader } from "./log-reader.ts";
import { encodePutHead, putHeadSize, putHeadSizeWithExpiry } from "./record.ts";
import type { SegmentChain } from "./segment-chain.ts";

/** Records that go together are cut into frames of about this size: what one flipped bit can take with it. */
export const frameSizeTarget: number = 64 * 1024;

export class TailWriter {
  readonly #chain: SegmentChain;
  readonly #cache: ChunkCache;
  readonly #isDurable: boolean;
  readonly #readers: readonly LogReader[];
  /** Place of the open frame's head in the tail; -1: none. */
  #frameStart = -1;

  constructor(chain: SegmentChain, cache: ChunkCache, isDurable: boolean, readers: readonly LogReader[]) {
    this.#chain = chain;
    this.#cache = cache;
    this.#isDurable = isDurable;
    this.#readers = readers;
  }

  /**
   * Makes room for a record of `bytes` in the open frame, and says where it goes in the tail, which may be another
   * chunk than before. `nextId` is the id of the next item.
   */
  room(bytes: number, nextId: number): number {
    let { tail } = this.#chain;
    if (this.#frameStart >= 0 && tail.size - this.#frameStart >= frameSizeTarget) this.seal();
    let headSize = this.#frameStart < 0 ? frameHeadSize : 0;
    if (tail.size + headSize + bytes > tail.capacity && this.#isReadToItsEnd(tail))
      tail = this.#chain.extendSmall(nextId);
    let grown = tail.grow(headSize + bytes);
    if (grown < 0) {
      this.seal();
      headSize = frameHeadSize;
      tail = this.#chain.extend(nextId);
      grown = tail.grow(headSize + bytes);
    }
    if (grown > 0) this.#cache.account(grown);
    if (headSize > 0) this.#openFrame(tail);
    const at = tail.size;
    tail.size = at + bytes;
    return at;
  }

  /** Nobody needs it any more, and it is large enough to be worth a new one. */
  #isReadToItsEnd({ capacity, size, writtenSize, isFixed }: Chunk): boolean {
    if (capacity < emptyTailSizeMax || capacity >= chunkSizeMax || writtenSize < size || isFixed)
      return false;
    return this.#isDurable && this.#readers.every(({ items }) => items === 0);
  }

  #openFrame(tail: Chunk): void {
    this.#frameStart = tail.size;
    // Readers walk over the head before the frame is sealed.
    tail.buffer![tail.size] = frameType;
    tail.size += frameHeadSize;
  }

  /** Appends the item `id` with the data `source[start, end)`, for the readers that `target` stands for. */
  put(
    target: number,
    id: number,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    addTimeMs: number,
    expiryMs: number,
  ): void {
    const headSize = expiryMs === 0 ? putHeadSize : putHeadSizeWithExpiry;
    const dataSize = end - start;
    if (dataSize >= largeItemBytes) {
      const at = this.#roomAround(claimLargeItem(source, start, end), headSize, dataSize, id);
      encodePutHead(this.#chain.tail.view!, at, target, id, addTimeMs, expiryMs, flags, dataSize);
      return;
    }
    const at = this.room(headSize + dataSize, id);
    const { view, buffer } = this.#chain.tail;
    encodePutHead(view!, at, target, id, addTimeMs, expiryMs, flags, dataSize);
    source.copy(buffer!, at + headSize, start, end);
  }

  /** Makes the memory of a large item the tail. Its heads go right before the data: says where the record begins. */
  #roomAround(memory: Buffer, headSize: number, dataSize: number, id: number): number {
    this.seal();
    const heads = headSize + frameHeadSize;
    const tail = this.#chain.extendWith(memory.subarray(largeItemStart - heads), id);
    this.#openFrame(tail);
    tail.size = heads + dataSize;
    return frameHeadSize;
  }

  copy(record: Buffer, nextId: number): void {
    const at = this.room(record.length, nextId);
    record.copy(this.#chain.tail.buffer!, at);
  }

  /** Completes the open frame. */
  seal(): void {
    if (this.#frameStart < 0) return;
    const { buffer, view, size, segment } = this.#chain.tail;
    if (this.#isDurable) sealFrame(buffer!, view!, this.#frameStart, size, segment.seed);
    this.#frameStart = -1;
  }

  /** Forgets the open frame: its bytes are about to go. */
  abandonFrame(): void {
    this.#frameStart = -1;
  }
}
