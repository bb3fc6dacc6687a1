/**
 * The segments of one log, oldest first, and the chunks in them: beginning a new one, closing the old, removing
 * what every reader is done with. The last chunk of the last segment is the tail, where the log appends.
 */
import type { DiskFile } from "../disk.ts";
import { Chunk, chunkSizeMax, chunkSizeMin } from "./chunk.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import type { LogReader } from "./log-reader.ts";
import type { LogSync } from "./log-sync.ts";
import type { ChunkPlace, ReaderState } from "./record.ts";
import type { RecoveredLog } from "./recovery.ts";
import { encodeSegmentEnd, Segment, segmentName } from "./segment.ts";
import { SegmentFiles, type SegmentFilesOptions } from "./segment-files.ts";

export interface SegmentChainOptions extends SegmentFilesOptions {
  /** Null: memory only. */
  readonly folder: string | null;
  readonly firstSegmentNumber: number;
}

export class SegmentChain {
  readonly segments: Segment[] = [];
  /** Set by the first `start` or `adopt`. */
  tail: Chunk = null as unknown as Chunk;
  /** Segments closed because they were full, since the start. */
  rotations = 0;
  readonly files: SegmentFiles;
  readonly #options: SegmentChainOptions;
  readonly #cache: ChunkCache;
  readonly #sync: LogSync;
  #nextSegmentNumber: number;
  #nextChunkOrder = 0;
  /** The newest segment that the start has found does not tell who reads the log. */
  #isMended = false;
  /** Closed segments that may have become dead. */
  readonly #suspects: Set<Segment> = new Set();

  constructor(options: SegmentChainOptions, cache: ChunkCache, sync: LogSync) {
    this.#options = options;
    this.#cache = cache;
    this.#sync = sync;
    const syncs = (): boolean => options.syncs() || this.#keepsWhatWasMended();
    this.files = new SegmentFiles({ ...options, syncs }, sync);
    this.#nextSegmentNumber = options.firstSegmentNumber;
  }

  get nextSegmentNumber(): number {
    return this.#nextSegmentNumber;
  }

  /** When the log was, in ms since the epoch. */
  get createdMs(): number {
    return this.#options.createdMs;
  }

  /** Bytes of all files. */
  get size(): number {
    let size = 0;
    for (const segment of this.segments) size += segment.size;
    return size;
  }

  /** Bytes of all that is in its folder: files for segments to come, too, and what the tail's file held before. */
  get folderSize(): number {
    let size = this.files.spareBytes;
    for (const segment of this.segments) size += Math.max(segment.size, segment.staleEnd);
    return size;
  }

  *chunksBackwards(): Generator<Chunk> {
    for (let s = this.segments.length - 1; s >= 0; s--) {
      const { chunks } = this.segments[s]!;
      for (let c = chunks.length - 1; c >= 0; c--) yield chunks[c]!;
    }
  }

  /** The last chunk that can hold this id. */
  chunkOf(id: number): Chunk {
    for (const chunk of this.chunksBackwards()) if (chunk.firstId <= id) return chunk;
    return this.segments[0]!.firstChunk;
  }

  /** Takes over what recovery has found. */
  adopt(recovered: RecoveredLog): void {
    this.#nextSegmentNumber = recovered.nextSegmentNumber;
    this.#isMended = !recovered.isStateTold;
    for (const { segment, places } of recovered.segments) {
      this.segments.push(segment);
      this.#suspects.add(segment);
      for (const place of places) this.addChunk(segment, place.offset, place.firstId, place.size);
      if (places.length === 0) this.addChunk(segment, segment.size, segment.firstId, 0);
    }
    if (recovered.segments.length > 0) this.files.inherited([...this.segments]);
    const last = this.segments[this.segments.length - 1];
    if (last === undefined || last.isClosed || !recovered.isStateTold)
      this.start(recovered.nextId, recovered.readers);
    else this.addChunk(last, last.size, recovered.nextId, 0);
  }

  /**
   * A power loss has left damage and what survives it: of that the next one must take nothing, though nobody syncs. Who
   * reads it only newer segments tell, so that none goes before these are on the medium.
   */
  #keepsWhatWasMended(): boolean {
    return this.#isMended && this.segments.some((segment) => segment.inheritedSize > 0);
  }

  /** Begins a segment behind the others. Throws the system's error; then nothing has changed. */
  start(firstId: number, readers: readonly ReaderState[]): void {
    const number = this.#nextSegmentNumber;
    const { folder } = this.#options;
    const segment =
      folder === null
        ? new Segment(null, segmentName(firstId, number), number, firstId, 0)
        : this.files.create(folder, number, firstId, readers);
    const previous = this.segments[this.segments.length - 1];
    if (previous !== undefined) {
      previous.isClosed = true;
      this.#suspects.add(previous);
    }
    this.#nextSegmentNumber++;
    this.segments.push(segment);
    const isBusy = previous !== undefined && previous.lastChunk.capacity >= chunkSizeMax;
    const tail = this.addChunk(segment, segment.size, firstId, 0);
    if (isBusy) this.#cache.holdFull(tail);
    else this.#cache.account(tail.hold(Buffer.allocUnsafeSlow(chunkSizeMin)));
  }

  addChunk(segment: Segment, offset: number, firstId: number, size: number): Chunk {
    const chunk = new Chunk(segment, offset, this.#nextChunkOrder++, firstId, size);
    if (this.tail !== null) this.tail.next = chunk;
    segment.chunks.push(chunk);
    this.tail = chunk;
    return chunk;
  }

  /** The tail is full: a new one behind it, at once as large as a busy log wants it. */
  extend(nextId: number): Chunk {
    const full = this.tail;
    const tail = this.addChunk(full.segment, full.end, nextId, 0);
    if (full.capacity >= chunkSizeMax) this.#cache.holdFull(tail);
    return tail;
  }

  /** The tail was read to its end: a small new one behind it, in place of a larger one. */
  extendSmall(nextId: number): Chunk {
    const tail = this.addChunk(this.tail.segment, this.tail.end, nextId, 0);
    this.#cache.holdSmall(tail);
    return tail;
  }

  /** A tail in memory that is there already, for one large item: behind the others, or in place of an empty one. */
  extendWith(memory: Buffer, nextId: number): Chunk {
    const { tail: last } = this;
    if (last.size === 0) this.#cache.drop(last);
    const tail = last.size === 0 ? last : this.addChunk(last.segment, last.end, nextId, 0);
    this.#cache.account(tail.hold(memory));
    tail.isFixed = true;
    return tail;
  }

  /** Forgets every chunk behind this one, which is the tail again. */
  cutBehind(tail: Chunk): void {
    for (let chunk = tail.next; chunk !== null; chunk = chunk.next) {
      this.#cache.drop(chunk);
      tail.segment.chunks.pop();
    }
    tail.next = null;
    this.tail = tail;
  }

  /** Closes the tail segment and begins the next. False: that failed, and the old one goes on. */
  roll(nextId: number, readers: readonly LogReader[]): boolean {
    const { segment: closing } = this.tail;
    const { logger, queueName } = this.#options;
    const states = readers.map((reader) => reader.state());
    try {
      this.start(nextId, states);
    } catch (error) {
      logger.warn({ err: error, queue: queueName }, "cannot begin a new segment; the old one goes on");
      return false;
    }
    this.rotations++;
    if (closing.file === null) return true;
    this.#sync.written(closing);
    try {
      closing.cutStale();
      const end = encodeSegmentEnd(closing.seed, closing.size, closing.index());
      closing.file.write(end, 0, end.length, closing.size);
      closing.size += end.length;
    } catch (error) {
      // Without its index it is read whole at the next start, no more.
      logger.warn({ err: error, queue: queueName }, "cannot write the index of a closed segment");
    }
    return true;
  }

  /** Something in this segment was finished, or a reader has left it. */
  suspect(segment: Segment): void {
    if (segment.isClosed) this.#suspects.add(segment);
  }

  suspectAll(): void {
    for (const segment of this.segments) this.suspect(segment);
  }

  /** Removes the files of closed segments of which every reader has done every item. */
  dropDead(readers: readonly LogReader[]): void {
    if (this.#suspects.size === 0) return;
    for (const segment of this.#suspects) {
      if (!segment.isClosed || segment.isDropped) continue;
      if (readers.every((reader) => reader.done.covers(segment.firstId, segment.nextId))) this.#drop(segment);
    }
    this.#suspects.clear();
  }

  #drop(segment: Segment): void {
    segment.isDropped = true;
    const index = this.segments.indexOf(segment);
    const previous = this.segments[index - 1];
    if (previous !== undefined) previous.lastChunk.next = segment.lastChunk.next;
    this.segments.splice(index, 1);
    for (const chunk of segment.chunks) this.#cache.drop(chunk);
    if (segment.file !== null) this.files.finish(segment);
  }

  /** Writes every file again that somebody has removed. Throws the system's error. */
  restoreFiles(): void {
    for (const segment of this.segments) this.files.restore(segment);
  }

  /** The file of the tail is to end where its content does. True: it was larger. */
  cutStale(): boolean {
    const { segment } = this.tail;
    try {
      return segment.cutStale();
    } catch (error) {
      this.#options.logger.warn({ err: error, file: segment.file?.path }, "cannot cut the journal's tail");
      return false;
    }
  }

  /** A closed segment, in which nobody stands, goes on in another file with other chunks. */
  replace(segment: Segment, file: DiskFile, places: readonly ChunkPlace[], size: number): void {
    const old = segment.chunks;
    for (const chunk of old) this.#cache.drop(chunk);
    segment.file = file;
    segment.size = segment.syncedSize = segment.inheritedSize = size;
    segment.unsyncedHead = null;
    segment.staleEnd = 0;
    // Until its folder is synced a power loss brings the old file back, of which not all may have been synced.
    this.files.renamed(segment);
    // There are never more chunks than before, so their orders still lie between the neighbours'.
    segment.chunks = places.map(
      (place, index) => new Chunk(segment, place.offset, old[index]!.order, place.firstId, place.size),
    );
    for (const [index, chunk] of segment.chunks.entries()) {
      chunk.next = segment.chunks[index + 1] ?? old[old.length - 1]!.next;
    }
    // Whoever comes from before, over dropped segments perhaps, is led on.
    const first = old[0]!;
    first.size = 0;
    first.next = segment.firstChunk;
    const previous = this.segments[this.segments.indexOf(segment) - 1];
    if (previous !== undefined) previous.lastChunk.next = segment.firstChunk;
  }

  /** Closes the files and lets go of the memory. */
  close(): void {
    this.files.abandon();
    for (const segment of this.segments) {
      for (const chunk of segment.chunks) this.#cache.drop(chunk);
      segment.isDropped = true;
      segment.file?.close();
    }
  }
}
