/**
 * Which bytes of one log are in memory. What readers have passed goes at once; beyond the log's limit, or the
 * server's, the bytes farthest ahead of any reader go, and are read back from the file, ahead of need, when one
 * comes near. Reading never blocks the event loop, and nothing that does not check is ever given to a reader.
 */
import { type Chunk, chunkSizeMax, emptyTailSizeMax } from "./chunk.ts";
import { ChunkMemory } from "./chunk-memory.ts";
import { frameHeadSize, frameType, type Stretch, splitStretches } from "./frame.ts";
import { allocateReadBack, releaseLargeItem } from "./large-item.ts";
import type { LogReader } from "./log-reader.ts";

/** What every record begins with. */
const recordHeadSizeMin = 8;
/** How far ahead of a reader bytes are read back. */
const readAheadBytes = 1024 * 1024;

/** Bytes of journals in memory over the whole server. */
export class MemoryBudget {
  readonly bytesMax: number;
  /** For chunks of any log: full ones, and those of queues that are empty most of the time. */
  readonly chunkMemory: ChunkMemory = new ChunkMemory(chunkSizeMax);
  readonly smallChunkMemory: ChunkMemory = new ChunkMemory(emptyTailSizeMax);
  bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** Room enough to read something that nobody has asked for. */
  get isRoomy(): boolean {
    return this.bytes < this.bytesMax / 2;
  }

  hasRoomFor(bytes: number): boolean {
    return this.bytes + bytes <= this.bytesMax;
  }

  get isOver(): boolean {
    return this.bytes > this.bytesMax;
  }
}

/** What the cache needs of its log. */
export interface CacheOwner {
  readonly readers: readonly LogReader[];
  readonly tail: Chunk;
  readonly isDurable: boolean;
  /** From the newest to the oldest. */
  chunksBackwards(): Iterable<Chunk>;
  /** Some of these stretches of the chunk's bytes do not check; the cache has made them harmless to walk over. */
  damaged(chunk: Chunk, bytes: Buffer, stretches: readonly Stretch[]): void;
  unreadable(chunk: Chunk, error: Error): void;
}

export class ChunkCache {
  readonly #owner: CacheOwner;
  readonly #budget: MemoryBudget;
  bytes = 0;

  constructor(owner: CacheOwner, budget: MemoryBudget) {
    this.#owner = owner;
    this.#budget = budget;
  }

  /** The chunk's memory has grown by so much (or shrunk, when negative). */
  account(bytes: number): void {
    this.bytes += bytes;
    this.#budget.bytes += bytes;
  }

  /** Memory for a chunk that will be full soon. */
  holdFull(chunk: Chunk): void {
    this.account(chunk.hold(this.#budget.chunkMemory.take()));
  }

  /** Memory for a chunk behind one that was read to its end before it was full. */
  holdSmall(chunk: Chunk): void {
    this.account(chunk.hold(this.#budget.smallChunkMemory.take()));
  }

  drop(chunk: Chunk): void {
    const { buffer } = chunk;
    this.account(chunk.hold(null));
    if (buffer === null) return;
    // Each knows its own, and passes over all other memory.
    releaseLargeItem(buffer);
    this.#budget.chunkMemory.giveBack(buffer);
    this.#budget.smallChunkMemory.giveBack(buffer);
  }

  /** Keeps within `bytesMax` of this log and the server's budget, as far as there is something to let go. */
  trim(bytesMax: number): void {
    if (!this.#owner.isDurable) return;
    if (this.bytes <= bytesMax && !this.#budget.isOver) return;
    for (const chunk of this.#owner.chunksBackwards()) {
      if (this.bytes <= bytesMax && !this.#budget.isOver) return;
      if (chunk.buffer !== null && this.#canGo(chunk)) this.drop(chunk);
    }
  }

  /** Written, not the tail, and not what some reader wants next. */
  #canGo(chunk: Chunk): boolean {
    if (chunk === this.#owner.tail || chunk.writtenSize < chunk.size) return false;
    const near = this.#nearLength(chunk);
    return !this.#owner.readers.some(
      ({ chunk: { order } }) => order <= chunk.order && chunk.order <= order + near,
    );
  }

  /** So many chunks behind the one that a reader is at are soon wanted. */
  #nearLength(chunk: Chunk): number {
    // A thousand queues that are full would otherwise keep more than a gigabyte, whatever the server's limit.
    return chunk.size > chunkSizeMax || this.#budget.isOver ? 1 : readAheadBytes / chunkSizeMax;
  }

  /** Lets go of a chunk that every reader has passed, if nothing in it can be asked for without the file. */
  release(chunk: Chunk): void {
    const { tail, readers, isDurable } = this.#owner;
    if (chunk === tail || chunk.buffer === null || chunk.writtenSize < chunk.size) return;
    for (const reader of readers) if (reader.chunk.order <= chunk.order) return;
    if (!isDurable) {
      const nextId = chunk.next!.firstId;
      for (const reader of readers) if (!reader.done.covers(chunk.firstId, nextId)) return;
    }
    this.drop(chunk);
  }

  /**
   * Reads back what lies ahead of `chunk`, where a reader has just arrived: the next one, and more as far as the server's
   * limit has room.
   */
  readAhead(chunk: Chunk): void {
    let ahead = 0;
    for (let next = chunk.next; next !== null && ahead < readAheadBytes; next = next.next) {
      if (ahead > 0 && !this.#budget.hasRoomFor(ahead + next.size)) return;
      if (next.buffer === null && next.size > 0 && !next.segment.isDropped) this.load(next, null);
      ahead += next.size;
    }
  }

  /** Reads the chunk's bytes; `reader` is told when they are there, or cannot be had. */
  load(chunk: Chunk, reader: LogReader | null): void {
    if (chunk.awaitedBy !== null) {
      if (reader !== null) chunk.awaitedBy.add(reader);
      return;
    }
    chunk.awaitedBy = new Set(reader === null ? [] : [reader]);
    const buffer = allocateReadBack(chunk.size);
    const file = chunk.segment.file!;
    file.read(buffer, 0, chunk.size, chunk.offset).then(
      (size) => this.#arrived(chunk, buffer, size),
      (error: Error) => {
        releaseLargeItem(buffer);
        this.#failed(chunk, error);
      },
    );
  }

  #arrived(chunk: Chunk, buffer: Buffer, size: number): void {
    if (size < chunk.size) buffer.fill(0, size);
    if (!chunk.segment.isDropped && chunk.buffer === null) {
      const stretches = splitStretches(buffer, 0, chunk.size, chunk.segment.seed);
      const damage = stretches.filter((stretch) => !stretch.isSound);
      if (damage.length > 0) {
        const bytes = Buffer.from(buffer);
        for (const { start, end } of damage) coverHole(buffer, start, end);
        this.account(chunk.hold(buffer));
        this.#owner.damaged(chunk, bytes, stretches);
      } else {
        this.account(chunk.hold(buffer));
      }
    } else {
      releaseLargeItem(buffer);
    }
    this.#tell(chunk, true);
  }

  #failed(chunk: Chunk, error: Error): void {
    if (!chunk.segment.isDropped) this.#owner.unreadable(chunk, error);
    this.#tell(chunk, chunk.segment.isDropped);
  }

  #tell(chunk: Chunk, isThere: boolean): void {
    const readers = chunk.awaitedBy!;
    chunk.awaitedBy = null;
    for (const reader of readers) reader.onLoaded(isThere);
    // Nobody came for it, or whoever did is past it by now.
    this.release(chunk);
  }
}

/**
 * Makes damage walkable: one record of no known type over all of it. Where it is shorter than a record's first bytes,
 * the head of the frame behind it, which has been checked, goes too; or the walk is led beyond the chunk's end.
 */
function coverHole(buffer: Buffer, start: number, damageEnd: number): void {
  const end = damageEnd - start < recordHeadSizeMin ? damageEnd + frameHeadSize : damageEnd;
  if (end > buffer.length) {
    buffer[start] = frameType;
    return;
  }
  buffer[start] = 0xff;
  buffer[start + 1] = recordHeadSizeMin;
  buffer.writeUInt16LE(0, start + 2);
  buffer.writeUInt32LE(end - start - recordHeadSizeMin, start + 4);
}
