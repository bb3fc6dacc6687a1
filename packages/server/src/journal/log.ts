/**
 * The log of one queue and its fanouts: an append-only sequence of records in segments, and the readers on it.
 * What one turn appends is written by one call, and either all of it happens or none. The log knows nothing of
 * waiters, expiry or names of queues beyond what its files carry.
 */
import type { Clock } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";
import type { Chunk } from "./chunk.ts";
import { type CacheOwner, ChunkCache, type MemoryBudget } from "./chunk-cache.ts";
import { Compaction } from "./compaction.ts";
import { loseDamaged } from "./damage.ts";
import type { SpareBudget } from "./finished-files.ts";
import type { Stretch } from "./frame.ts";
import { diskError, type HealthOwner, LogHealth } from "./log-health.ts";
import type { LogReader } from "./log-reader.ts";
import { LogSync } from "./log-sync.ts";
import { LogTurn, type LogTurnOwner } from "./log-turn.ts";
import { LogUpkeep, type UpkeepOwner } from "./log-upkeep.ts";
import { ReaderRoster } from "./reader-roster.ts";
import type { Receipt } from "./receipt.ts";
import { forEveryone, forFanouts, isFor, type ReaderState } from "./record.ts";
import { finishCuts, recoverLog } from "./recovery.ts";
import type { Reserve } from "./reserve.ts";
import type { Segment } from "./segment.ts";
import { SegmentChain } from "./segment-chain.ts";
import { TailWriter } from "./tail-writer.ts";
import type { Turn, TurnWriter } from "./turn.ts";

export interface LogOptions {
  /** Null: memory only. */
  readonly folder: string | null;
  readonly queueName: string;
  /** Of a log that is new, in the names of its files. */
  readonly firstSegmentNumber: number;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly logger: Logger;
  readonly budget: MemoryBudget;
  readonly spareBudget: SpareBudget;
  readonly reserve: Reserve | null;
  readonly settings: QueueSettings;
}

export class Log implements TurnWriter, CacheOwner, HealthOwner, LogTurnOwner, UpkeepOwner {
  readonly roster: ReaderRoster;
  readonly readers: readonly LogReader[];
  readonly isDurable: boolean;
  nextId = 1;
  /** Bytes of data of the item appended last. */
  lastPutSize = 0;
  /** May be replaced at any time. */
  settings: QueueSettings;
  readonly cache: ChunkCache;

  readonly #options: LogOptions;
  readonly #chain: SegmentChain;
  readonly #writer: TailWriter;
  readonly #sync: LogSync;
  readonly #health: LogHealth;
  readonly #compaction: Compaction;
  readonly #turn: LogTurn;
  readonly #upkeep: LogUpkeep;
  #isClosed = false;

  private constructor(options: LogOptions, createdMs: number) {
    this.#options = options;
    this.isDurable = options.folder !== null;
    this.settings = options.settings;
    this.cache = new ChunkCache(this, options.budget);
    this.#health = new LogHealth(options, this);
    this.#sync = new LogSync(options.clock, (error) => this.#health.syncFailed(error));
    const syncs = (): boolean => this.settings.syncJournal !== "never";
    this.#chain = new SegmentChain({ ...options, createdMs, syncs }, this.cache, this.#sync);
    this.roster = new ReaderRoster(this, this.#chain, (encode) => this.#appendReaderRecord(encode));
    this.readers = this.roster.readers;
    this.#writer = new TailWriter(this.#chain, this.cache, this.isDurable, this.readers);
    this.#compaction = new Compaction(options, this, this.#chain);
    this.#turn = new LogTurn(this, this.#chain, this.cache, this.#writer);
    this.#upkeep = new LogUpkeep(options, this, this.#chain, this.#compaction);
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
    log.roster.begin([state], 1);
    return log;
  }

  /**
   * The log in a folder, as its files tell it; what had to be cut off them is gone for good. Rejects with the system's
   * error when they cannot be read or cut.
   */
  static async recover(options: LogOptions & { folder: string }): Promise<Log> {
    const recovered = recoverLog(options.folder, options.disk, options.logger);
    await finishCuts(recovered);
    const log = new Log(options, recovered.createdMs || options.clock.now());
    log.nextId = log.#sync.safeNextId = recovered.nextId;
    log.#chain.adopt(recovered);
    log.roster.begin(recovered.readers, recovered.nextReaderNumber);
    log.#chain.dropDead(log.readers);
    log.#sync.requestForRemovals();
    return log;
  }

  get tail(): Chunk {
    return this.#chain.tail;
  }

  get segments(): readonly Segment[] {
    return this.#chain.segments;
  }

  /** Bytes of all its files. */
  get size(): number {
    return this.#chain.size;
  }

  /** Bytes that the removal of its folder gives back. */
  get folderSize(): number {
    return this.#chain.folderSize;
  }

  /** No segment has had this number or a higher one. */
  get nextSegmentNumber(): number {
    return this.#chain.nextSegmentNumber;
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
    this.#openTurn();
    const target =
      audience === "everyone" ? forEveryone : audience === "fanouts" ? forFanouts : audience.number + 1;
    this.#writer.put(target, id, source, start, end, flags, addTimeMs, expiryMs);
    this.nextId = id + 1;
    this.lastPutSize = dataSize;
    const { segment } = this.tail;
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
    return this.#turn.receipt!;
  }

  #appendReaderRecord(encode: () => Buffer): void {
    this.#openTurn();
    if (this.isDurable) this.#turn.appendReaderRecord(encode);
  }

  #openTurn(): void {
    if (this.#turn.isOpen) return;
    this.#turn.open();
    this.#options.turn.touch(this);
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
    return id >= this.#sync.safeNextId ? this.#turn.receipt : null;
  }

  /** What an answer that finished something in this turn has to wait for. */
  receiptForDone(): Receipt | null {
    return this.isDurable && this.settings.syncJournal === 0 ? this.#turn.receipt : null;
  }

  // The end of a turn

  get isTurnOpen(): boolean {
    return this.#turn.isOpen;
  }

  writeTurn(): void {
    if (this.#isClosed) return;
    const receipt = this.#turn.receipt!;
    try {
      if (this.isDurable) this.#turn.write();
    } catch (cause) {
      const error = diskError(cause);
      this.#turn.undo();
      this.#chain.files.dropSpares();
      this.#health.writeFailed(error);
      receipt.fail(error, this.nextId);
      return;
    }
    this.#turn.end();
    this.#upkeep.tidyAfterTurn();
    this.cache.trim(this.settings.maxMemorySizeBytes);
    // Last, since whoever hears of it may append again.
    this.#settle(receipt);
  }

  #settle(receipt: Receipt): void {
    const { nextId, settings } = this;
    if (this.isDurable) {
      this.#sync.turnWritten(this.tail.segment, receipt, nextId, settings.syncJournal);
    } else {
      this.#sync.safeNextId = nextId;
      receipt.keep();
    }
  }

  writeOwed(): boolean {
    const receipt = this.#turn.writeOwed();
    if (receipt !== null) this.#settle(receipt);
    return receipt !== null;
  }

  syncNames(): Promise<void> {
    return this.#sync.syncNames();
  }

  // Housekeeping

  restoreFiles(): void {
    this.#upkeep.restoreFiles();
  }

  shrink(): void {
    this.#upkeep.shrink();
    this.#chain.files.dropSpares();
    this.#sync.requestForRemovals();
  }

  /**
   * The regular look: a log that is empty and was left alone since the last look gives files and memory back, if it
   * `mayShrink`; true: it has.
   */
  sweep(mayShrink: boolean): boolean {
    try {
      const hasShrunk = this.#upkeep.sweep(mayShrink);
      this.#sync.requestForRemovals();
      return hasShrunk;
    } catch (cause) {
      this.#health.writeFailed(diskError(cause));
      return false;
    }
  }

  // Trouble with reading

  damaged(chunk: Chunk, bytes: Buffer, stretches: readonly Stretch[]): void {
    const { disk, logger } = this.#options;
    const nextId = chunk.next?.firstId ?? this.nextId;
    const lostLength = loseDamaged(disk, logger, chunk, bytes, stretches, nextId, this.readers);
    if (lostLength > 0) this.noteDone(chunk);
  }

  unreadable(chunk: Chunk, error: Error): void {
    const file = chunk.segment.file!.path;
    this.#options.logger.error({ err: error, file, offset: chunk.offset }, "the journal cannot be read");
  }

  // The end

  /** Writes what is left, syncs it where the settings ask for that, and closes the files. */
  async close(): Promise<void> {
    if (this.isTurnOpen) this.writeTurn();
    const compacted = this.#compaction.close();
    this.#chain.cutStale();
    if (this.isDurable && this.settings.syncJournal !== "never") await this.#sync.settle();
    this.#chain.files.closeSpares();
    this.abandon();
    await compacted;
    // Whoever takes the folder next must not list files that are about to vanish.
    await this.#chain.files.settle();
  }

  /** Closes the files and lets go of the memory; nothing is written any more. */
  abandon(): void {
    this.#isClosed = true;
    this.#sync.close();
    this.#health.close();
    // What was put in this turn was kept, and is gone with the rest.
    if (this.isTurnOpen) this.#turn.receipt?.keep();
    this.#chain.close();
  }
}
