/**
 * The log of one queue and its fanouts: an append-only sequence of records in segments, and the readers on it.
 * What one turn appends is written by one call, and either all of it happens or none. The log knows nothing of
 * waiters, expiry or names of queues beyond what its files carry.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";
import type { Chunk } from "./chunk.ts";
import { type CacheOwner, ChunkCache, type MemoryBudget } from "./chunk-cache.ts";
import { Compaction } from "./compaction.ts";
import { assessChunk } from "./damage.ts";
import { type Stretch, sealedFrames } from "./frame.ts";
import { IdRanges } from "./id-ranges.ts";
import { diskError, type HealthOwner, LogHealth } from "./log-health.ts";
import { LogReader } from "./log-reader.ts";
import { LogSync } from "./log-sync.ts";
import { Receipt } from "./receipt.ts";
import {
  decodeRecords,
  doneHeadSize,
  doneRangeSize,
  encodePutHead,
  encodeReaderAdded,
  encodeReaderRemoved,
  forEveryone,
  forFanouts,
  isFor,
  putHeadSize,
  putHeadSizeWithExpiry,
  type ReaderState,
  readerNumberMax,
} from "./record.ts";
import { recoverLog } from "./recovery.ts";
import type { Reserve } from "./reserve.ts";
import type { Segment } from "./segment.ts";
import { SegmentChain } from "./segment-chain.ts";
import { TailWriter } from "./tail-writer.ts";
import type { Turn, TurnWriter } from "./turn.ts";

/** Segments of a log that lives in memory only: how finely memory is given back. */
const memorySegmentSize = 1024 * 1024;
/** Whatever the settings say: a segment is read whole at times, and must fit into memory. */
const segmentSizeMax = 1024 * 1024 * 1024;
/** After a failed roll the next try comes when the segment has grown by this. */
const rollRetryBytes = 1024 * 1024;

export interface LogOptions {
  /** Null: memory only. */
  readonly folder: string | null;
  readonly queueName: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly logger: Logger;
  readonly budget: MemoryBudget;
  readonly reserve: Reserve | null;
  readonly settings: QueueSettings;
}

/** Where a turn began: what it goes back to when it cannot be written. */
interface TurnMark {
  readonly chunk: Chunk;
  readonly size: number;
  readonly nextId: number;
}

export class Log implements TurnWriter, CacheOwner, HealthOwner {
  readonly readers: LogReader[] = [];
  readonly isDurable: boolean;
  nextId = 1;
  /** Bytes of data of the item appended last. */
  lastPutSize = 0;
  /** May be replaced at any time. */
  settings: QueueSettings;
  isTurnOpen = false;
  readonly cache: ChunkCache;

  readonly #options: LogOptions;
  readonly #chain: SegmentChain;
  readonly #writer: TailWriter;
  readonly #sync: LogSync;
  readonly #health: LogHealth;
  readonly #compaction: Compaction;
  #nextReaderNumber = 0;
  #mark: TurnMark;
  /** Reader records of this turn, to write again should it fail. */
  #readerRecords: Buffer[] = [];
  /** For this turn, or the last one that is not settled. */
  #receipt: Receipt | null = null;
  /** Items below this id are as safe as the settings ask. */
  #safeNextId = 1;
  #rollAtBytes = 0;
  /** The tail's end at the last sweep. */
  #sweptEnd = -1;
  #syncTimer: Timer | null = null;
  #isClosed = false;

  private constructor(options: LogOptions, createdMs: number) {
    this.#options = options;
    this.isDurable = options.folder !== null;
    this.settings = options.settings;
    this.cache = new ChunkCache(this, options.budget);
    this.#health = new LogHealth(options, this);
    this.#sync = new LogSync((error) => this.#health.syncFailed(error));
    this.#chain = new SegmentChain({ ...options, createdMs }, this.cache, this.#sync);
    this.#writer = new TailWriter(this.#chain, this.cache, this.isDurable);
    this.#compaction = new Compaction(options, this, this.#chain);
    this.#mark = { chunk: this.tail, size: 0, nextId: 1 };
  }

  /** A new log with one reader: the queue itself, or one of its fanouts. Throws KestrelError `disk`. */
  static create(options: LogOptions, readerName: string): Log {
    const log = new Log(options, options.clock.now());
    const state: ReaderState = { number: 0, name: readerName, items: 0, bytes: 0, done: [[0, 1]] };
    try {
      if (options.folder !== null) options.disk.makeFolder(options.folder);
      log.#chain.start(1, [state]);
    } catch (cause) {
      throw diskError(cause);
    }
    log.#nextReaderNumber = 1;
    log.#addReaderOf(state);
    return log;
  }

  /** The log in a folder, as its files tell it. Throws the system's error when they cannot be read. */
  static recover(options: LogOptions & { folder: string }): Log {
    const recovered = recoverLog(options.folder, options.disk, options.logger);
    const log = new Log(options, recovered.createdMs || options.clock.now());
    log.nextId = log.#safeNextId = recovered.nextId;
    log.#nextReaderNumber = recovered.nextReaderNumber;
    log.#chain.adopt(recovered);
    for (const state of recovered.readers) log.#addReaderOf(state);
    log.#chain.dropDead(log.readers);
    return log;
  }

  #addReaderOf({ number, name, done, items, bytes }: ReaderState): void {
    const ids = IdRanges.of(done);
    this.readers.push(
      new LogReader(this, number, name, ids, items, bytes, this.#chain.chunkOf(ids.firstMissing(0))),
    );
  }

  get tail(): Chunk {
    return this.#chain.tail;
  }

  /** Where the tail segment's content ends. */
  get endOffset(): number {
    return this.tail.end;
  }

  get segments(): readonly Segment[] {
    return this.#chain.segments;
  }

  /** Bytes of all its files. */
  get size(): number {
    return this.#chain.size;
  }

  /** Segments closed because they were full, since the start. */
  get rotations(): number {
    return this.#chain.rotations;
  }

  /** Segments rewritten with their live items only, since the start. */
  get rewrites(): number {
    return this.#compaction.rewrites;
  }

  /** Why puts are refused now; null when they are not. */
  get refusal(): KestrelError | null {
    return this.#health.refusal;
  }

  chunksBackwards(): Iterable<Chunk> {
    return this.#chain.chunksBackwards();
  }

  // Readers

  /** A reader that sees every item from now on. */
  addReader(name: string): LogReader {
    const isTaken = (number: number): boolean => this.readers.some((reader) => reader.number === number);
    while (isTaken(this.#nextReaderNumber))
      this.#nextReaderNumber = (this.#nextReaderNumber + 1) % readerNumberMax;
    const number = this.#nextReaderNumber;
    this.#nextReaderNumber = (number + 1) % readerNumberMax;
    const reader = new LogReader(this, number, name, IdRanges.of([[0, this.nextId]]), 0, 0, this.tail);
    this.#appendReaderRecord(encodeReaderAdded(number, this.nextId, name));
    reader.moveToEnd(this.tail);
    this.readers.push(reader);
    return reader;
  }

  removeReader(reader: LogReader): void {
    this.readers.splice(this.readers.indexOf(reader), 1);
    this.#appendReaderRecord(encodeReaderRemoved(reader.number));
    this.#chain.suspectAll();
  }

  #appendReaderRecord(record: Buffer): void {
    this.#openTurn();
    if (!this.isDurable) return;
    this.#readerRecords.push(record);
    this.#writer.copy(record, this.nextId);
  }

  // Appending

  /**
   * Appends one item, with the data `source[start, end)`, for every reader, for the fanouts alone, or for one
   * reader. Its id is `nextId` before the call. Throws KestrelError `disk` while the disk refuses.
   */
  appendPut(
    audience: "everyone" | "fanouts" | LogReader,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    addTimeMs: number,
    expiryMs: number,
  ): Receipt {
    if (this.refusal !== null) throw this.refusal;
    const id = this.nextId;
    const dataSize = end - start;
    const headSize = expiryMs === 0 ? putHeadSize : putHeadSizeWithExpiry;
    this.#openTurn();
    const at = this.#writer.room(headSize + dataSize, id);
    const { tail } = this;
    const target =
      audience === "everyone" ? forEveryone : audience === "fanouts" ? forFanouts : audience.number + 1;
    encodePutHead(tail.view!, at, target, id, addTimeMs, expiryMs, flags, dataSize);
    source.copy(tail.buffer!, at + headSize, start, end);
    this.nextId = id + 1;
    this.lastPutSize = dataSize;
    const { segment } = tail;
    segment.nextId = id + 1;
    segment.items++;
    segment.bytes += dataSize;
    for (const reader of this.readers) {
      if (isFor(target, reader)) {
        reader.items++;
        reader.bytes += dataSize;
      } else {
        reader.done.add(id);
      }
    }
    return this.#receipt!;
  }

  #openTurn(): void {
    if (this.isTurnOpen) return;
    this.#beginTurn();
    this.#options.turn.touch(this);
    for (const record of this.#readerRecords) this.#writer.copy(record, this.nextId);
  }

  #beginTurn(): void {
    this.isTurnOpen = true;
    this.#mark = { chunk: this.tail, size: this.tail.size, nextId: this.nextId };
    this.#receipt = new Receipt();
  }

  // What readers tell

  /** Something in this chunk was finished: write it down at the end of the turn. */
  noteDone(chunk: Chunk): void {
    this.#openTurn();
    if (chunk === this.tail) return;
    this.#chain.suspect(chunk.segment);
    if (!this.isDurable) this.cache.release(chunk);
  }

  /** A reader has gone on from this chunk to the next. */
  left(chunk: Chunk, reader: LogReader): void {
    this.cache.release(chunk);
    if (chunk.segment !== reader.chunk.segment && chunk.segment.isClosed) {
      this.#openTurn();
      this.#chain.suspect(chunk.segment);
    }
    if (this.isDurable && reader.chunk !== this.tail) this.cache.readAhead(reader.chunk);
  }

  load(chunk: Chunk, reader: LogReader): void {
    this.cache.load(chunk, reader);
  }

  /** What an answer that shows this item has to wait for. */
  receiptFor(id: number): Receipt | null {
    return id >= this.#safeNextId ? this.#receipt : null;
  }

  /** What an answer that finished something in this turn has to wait for. */
  receiptForDone(): Receipt | null {
    return this.isDurable && this.settings.syncJournal === 0 ? this.#receipt : null;
  }

  // The end of a turn

  writeTurn(): void {
    if (this.#isClosed) return;
    if (!this.isDurable) {
      this.#endMemoryTurn();
      return;
    }
    try {
      this.#writeTail();
    } catch (cause) {
      this.#undoTurn(diskError(cause));
      return;
    }
    const receipt = this.#receipt!;
    this.#noteWritten();
    const segmentSize = Math.min(this.settings.defaultJournalSizeBytes, segmentSizeMax);
    if (this.tail.end >= Math.max(segmentSize, this.#rollAtBytes)) this.#roll();
    this.#chain.dropDead(this.readers);
    this.cache.trim(this.settings.maxMemorySizeBytes);
    // Last, since whoever hears of it may append again.
    this.#settle(receipt);
  }

  #endMemoryTurn(): void {
    this.#writer.seal();
    this.#noteWritten();
    this.#safeNextId = this.nextId;
    const receipt = this.#receipt!;
    if (this.tail.end >= memorySegmentSize) this.#roll();
    this.#chain.dropDead(this.readers);
    receipt.keep();
  }

  /** Writes everything that the file does not have yet. */
  #writeTail(): void {
    for (const reader of this.readers) {
      const ranges = reader.turnRangeCount;
      if (ranges === 0) continue;
      const at = this.#writer.room(doneHeadSize + ranges * doneRangeSize, this.nextId);
      reader.encodeTurn(this.tail.view!, at);
    }
    this.#writer.seal();
    for (let chunk: Chunk | null = this.#mark.chunk; chunk !== null; chunk = chunk.next) {
      if (chunk.writtenSize === chunk.size) continue;
      const { file } = chunk.segment;
      file!.write(chunk.buffer!, chunk.writtenSize, chunk.size, chunk.offset + chunk.writtenSize);
    }
  }

  /** What the chunks hold counts as written. */
  #noteWritten(): void {
    this.isTurnOpen = false;
    for (let chunk: Chunk | null = this.#mark.chunk; chunk !== null; chunk = chunk.next) {
      chunk.writtenSize = chunk.size;
      if (chunk !== this.tail) this.cache.release(chunk);
    }
    this.tail.segment.size = this.tail.end;
    for (const reader of this.readers) reader.turnWritten();
    this.#readerRecords = [];
  }

  /** The turn's records are with the operating system; with `syncJournal` 0 that is not yet enough. */
  #settle(receipt: Receipt): void {
    const { nextId } = this;
    const { syncJournal } = this.settings;
    this.#sync.written(this.tail.segment);
    if (syncJournal === 0) {
      receipt.whenSettled(() => {
        this.#safeNextId = Math.max(this.#safeNextId, nextId);
      });
      this.#sync.request(receipt);
      return;
    }
    if (typeof syncJournal === "number") this.#syncLater(syncJournal);
    this.#safeNextId = nextId;
    receipt.keep();
  }

  /** The turn's puts never happened; what it finished of older items is still owed to the file. */
  #undoTurn(error: KestrelError): void {
    this.#cutBack();
    const receipt = this.#receipt!;
    this.#receipt = null;
    this.#health.writeFailed(error);
    receipt.fail(error, true);
  }

  /** Memory and counters as they were before the turn. */
  #cutBack(): void {
    const { chunk: tail, size, nextId } = this.#mark;
    this.isTurnOpen = false;
    this.#writer.abandonFrame();
    for (let chunk: Chunk | null = tail; chunk !== null; chunk = chunk.next) {
      this.#undoPuts(chunk, chunk === tail ? size : 0);
    }
    this.#chain.cutBehind(tail);
    tail.size = size;
    this.nextId = tail.segment.nextId = nextId;
    for (const reader of this.readers) reader.undoTurn(nextId, tail, size);
  }

  #undoPuts(chunk: Chunk, from: number): void {
    const { buffer, view, segment, size } = chunk;
    if (buffer === null || view === null) return;
    for (const [start, end] of sealedFrames(view, from, size)) {
      for (const { record } of decodeRecords(buffer, view, start, end)) {
        if (record.type !== "put") continue;
        const dataSize = record.dataEnd - record.dataStart;
        segment.items--;
        segment.bytes -= dataSize;
        for (const reader of this.readers)
          if (isFor(record.reader, reader)) reader.undoPut(record.id, dataSize);
      }
    }
  }

  /** Writes the records that failed turns still owe, if the disk takes them; they stay owed otherwise. */
  writeOwed(): boolean {
    this.#beginTurn();
    try {
      this.tail.segment.file!.truncate(this.tail.end);
      for (const record of this.#readerRecords) this.#writer.copy(record, this.nextId);
      this.#writeTail();
    } catch {
      this.#cutBack();
      this.#receipt = null;
      return false;
    }
    this.#noteWritten();
    this.#settle(this.#receipt!);
    return true;
  }

  /** Syncs what this turn and those to come have written, a period from now. */
  #syncLater(periodMs: number): void {
    this.#syncTimer ??= this.#options.clock.after(periodMs, () => {
      this.#syncTimer = null;
      this.#sync.request(null);
    });
  }

  // Segments

  /** Closes the tail segment and begins the next. */
  #roll(): void {
    if (this.#chain.roll(this.nextId, this.readers)) {
      this.#rollAtBytes = 0;
      if (this.isDurable) this.#compaction.consider();
      // The states in the new segment hold whatever was still owed.
      for (const reader of this.readers) reader.turnWritten();
    } else {
      this.#rollAtBytes = this.tail.end + rollRetryBytes;
    }
  }

  /**
   * Writes the files anew that somebody has removed behind our back. Throws the system's error, also when a file's
   * bytes cannot be had any more.
   */
  restoreFiles(): void {
    if (this.tail.segment.file!.isThere()) return;
    const { disk, logger, folder, queueName } = this.#options;
    logger.error({ queue: queueName, folder }, "the journal has vanished; writing it again");
    disk.makeFolder(folder!);
    this.#chain.restoreFiles();
  }

  #checkFiles(): void {
    this.#compaction.consider();
    try {
      this.restoreFiles();
    } catch (cause) {
      this.#health.writeFailed(diskError(cause));
    }
  }

  /** The regular look: files and memory of a log that is empty and was left alone since the last look shrink. */
  sweep(): void {
    const { tail } = this;
    const isIdle = this.#sweptEnd === tail.end;
    this.#sweptEnd = tail.end;
    if (this.isDurable && !isIdle && this.refusal === null && !this.isTurnOpen) this.#checkFiles();
    if (isIdle && this.refusal === null) this.shrink();
  }

  /** A log that holds nothing any more gives its disk space and memory back. */
  shrink(): void {
    const { tail } = this;
    if (this.isTurnOpen || (tail === tail.segment.firstChunk && tail.size === 0)) return;
    if (this.readers.some((reader) => reader.items > 0 || reader.openLength > 0)) return;
    this.#roll();
    this.#chain.dropDead(this.readers);
  }

  // Trouble with reading

  damaged(chunk: Chunk, bytes: Buffer, stretches: readonly Stretch[]): void {
    const { disk, logger } = this.#options;
    const nextId = chunk.next?.firstId ?? this.nextId;
    const { lostIds, lostBytes } = assessChunk(disk, logger, chunk, bytes, stretches, nextId);
    const length = lostIds.reduce((sum, [from, to]) => sum + to - from, 0);
    for (const [from, to] of lostIds) {
      const share = Math.round((lostBytes * (to - from)) / length);
      for (const reader of this.readers) reader.lose(from, to, share);
    }
    if (length > 0) this.noteDone(chunk);
  }

  unreadable(chunk: Chunk, error: Error): void {
    const file = chunk.segment.file!.path;
    this.#options.logger.error({ err: error, file, offset: chunk.offset }, "the journal cannot be read");
  }

  // The end

  /** Writes what is left, syncs it where the settings ask for that, and closes the files. */
  async close(): Promise<void> {
    if (this.isTurnOpen) this.writeTurn();
    await this.#compaction.close();
    if (this.isDurable && this.settings.syncJournal !== "never") await this.#sync.settle();
    this.abandon();
    // Whoever takes the folder next must not list files that are about to vanish.
    await this.#chain.settle();
  }

  /** Closes the files and lets go of the memory; nothing is written any more. */
  abandon(): void {
    this.#isClosed = true;
    this.#syncTimer?.cancel();
    this.#health.close();
    // What was put in this turn was kept, and is gone with the rest.
    if (this.isTurnOpen) this.#receipt?.keep();
    this.#chain.close();
  }
}
