/**
 * The log of one queue and its fanouts: an append-only sequence of records in segments, and the readers on it.
 * What one turn appends is written by one call, and either all of it happens or none. The log knows nothing of
 * waiters, expiry or names of queues beyond what its files carry.
 */
import path from "node:path";
import type { Clock, Timer } from "../clock.ts";
import type { Disk } from "../disk.ts";
import { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";
import { Chunk, chunkSizeMax, chunkSizeMin, largeItemBytes } from "./chunk.ts";
import { type CacheOwner, ChunkCache, type MemoryBudget } from "./chunk-cache.ts";
import { frameHeadSize, frameType, type Stretch, sealFrame, segmentSeed } from "./frame.ts";
import { IdRanges } from "./id-ranges.ts";
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
import { type RecoveredLog, recoverLog, setAside } from "./recovery.ts";
import type { Reserve } from "./reserve.ts";
import { encodeSegmentEnd, encodeSegmentHead, Segment, segmentName } from "./segment.ts";
import type { Turn, TurnWriter } from "./turn.ts";

/** A turn's records are cut into frames of about this size: what one flipped bit can take with it. */
const frameSizeTarget = 64 * 1024;
/** Segments of a log that lives in memory only: how finely memory is given back. */
const memorySegmentSize = 1024 * 1024;
/** After a failed roll the next try comes when the segment has grown by this. */
const rollRetryBytes = 1024 * 1024;
/** How often a log that the disk has refused tries again, and how much it must be able to write. */
const probeDelayMs = 250;
const probeBytes = 64 * 1024;

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

export class Log implements TurnWriter, CacheOwner {
  readonly readers: LogReader[] = [];
  readonly isDurable: boolean;
  readonly createdMs: number;
  nextId = 1;
  /** Bytes of data of the item appended last. */
  lastPutSize = 0;
  tail: Chunk;
  /** Set while the disk refuses; puts throw it. */
  refusal: KestrelError | null = null;
  /** Since the start: segments begun because one was full, and segments rewritten with their live items only. */
  rotations = 0;
  rewrites = 0;
  /** May be replaced at any time. */
  settings: QueueSettings;
  readonly cache: ChunkCache;

  readonly #options: LogOptions;
  readonly #segments: Segment[] = [];
  #nextSegmentNumber = 1;
  #nextReaderNumber = 0;
  #nextChunkOrder = 0;

  #isTurnOpen = false;
  #mark: TurnMark;
  /** Place of the open frame's head in the tail; -1: none. */
  #frameStart = -1;
  /** Reader records of this turn, to write again should it fail. */
  #readerRecords: Buffer[] = [];
  /** For this turn, or the last one that is not settled. */
  #receipt: Receipt | null = null;
  /** Items below this id are as safe as the settings ask. */
  #safeNextId = 1;
  readonly #sync: LogSync;

  /** Closed segments that may have become dead in this turn. */
  #suspects: Set<Segment> = new Set();
  #rollAtBytes = 0;
  /** The tail's end at the last sweep; -1: it was in another segment. */
  #sweptEnd = -1;
  #syncedMs = 0;
  #probe: Timer | null = null;
  #isClosed = false;

  private constructor(options: LogOptions, createdMs: number) {
    this.#options = options;
    this.isDurable = options.folder !== null;
    this.createdMs = createdMs;
    this.settings = options.settings;
    this.cache = new ChunkCache(this, options.budget);
    this.#sync = new LogSync((error) => this.#syncFailed(error));
    // Both are set by `create` and `recover` before anybody sees the log.
    this.tail = null as unknown as Chunk;
    this.#mark = null as unknown as TurnMark;
  }

  /** A new log with one reader: the queue itself, or one of its fanouts. Throws KestrelError `disk`. */
  static create(options: LogOptions, readerName: string): Log {
    const log = new Log(options, options.clock.now());
    const state: ReaderState = { number: 0, name: readerName, items: 0, bytes: 0, done: [[0, 1]] };
    try {
      if (options.folder !== null) options.disk.makeFolder(options.folder);
      log.#startSegment([state]);
    } catch (cause) {
      throw diskError(cause);
    }
    log.#nextReaderNumber = 1;
    log.readers.push(new LogReader(log, 0, readerName, IdRanges.of(state.done), 0, 0, log.tail));
    return log;
  }

  /** The log in a folder, as its files tell it. Throws the system's error when they cannot be read. */
  static recover(options: LogOptions & { folder: string }): Log {
    const recovered: RecoveredLog = recoverLog(options.folder, options.disk, options.logger);
    const log = new Log(options, recovered.createdMs || options.clock.now());
    log.nextId = recovered.nextId;
    log.#safeNextId = recovered.nextId;
    log.#nextSegmentNumber = recovered.nextSegmentNumber;
    log.#nextReaderNumber = recovered.nextReaderNumber;
    for (const { segment, places } of recovered.segments) {
      log.#segments.push(segment);
      for (const place of places) log.#addChunk(segment, place.offset, place.firstId, place.size);
      if (places.length === 0) log.#addChunk(segment, segment.size, segment.firstId, 0);
    }
    const last = log.#segments[log.#segments.length - 1];
    const states = recovered.readers;
    if (last === undefined || last.isClosed) log.#startSegment(states);
    else log.#addChunk(last, last.size, log.nextId, 0);
    for (const state of states) {
      const done = IdRanges.of(state.done);
      const chunk = log.#chunkOf(done.firstMissing(0));
      log.readers.push(new LogReader(log, state.number, state.name, done, state.items, state.bytes, chunk));
    }
    for (const segment of log.#segments) log.#suspects.add(segment);
    log.#dropDead();
    return log;
  }

  /** Bytes of all its files. */
  get size(): number {
    let size = 0;
    for (const segment of this.#segments) size += segment.size;
    return size;
  }

  get segmentCount(): number {
    return this.#segments.length;
  }

  *chunksBackwards(): Generator<Chunk> {
    for (let s = this.#segments.length - 1; s >= 0; s--) {
      const chunks = this.#segments[s]!.chunks;
      for (let c = chunks.length - 1; c >= 0; c--) yield chunks[c]!;
    }
  }

  /** The last chunk that can hold this id. */
  #chunkOf(id: number): Chunk {
    for (const chunk of this.chunksBackwards()) if (chunk.firstId <= id) return chunk;
    return this.#segments[0]!.firstChunk;
  }

  // Readers

  /** A reader that sees every item from now on. */
  addReader(name: string): LogReader {
    const number = this.#freeReaderNumber();
    const reader = new LogReader(this, number, name, IdRanges.of([[0, this.nextId]]), 0, 0, this.tail);
    this.#appendReaderRecord(encodeReaderAdded(number, this.nextId, name));
    reader.moveToEnd(this.tail);
    this.readers.push(reader);
    return reader;
  }

  removeReader(reader: LogReader): void {
    this.readers.splice(this.readers.indexOf(reader), 1);
    this.#appendReaderRecord(encodeReaderRemoved(reader.number));
    for (const segment of this.#segments) this.#suspects.add(segment);
  }

  #freeReaderNumber(): number {
    const isTaken = (number: number): boolean => this.readers.some((reader) => reader.number === number);
    while (isTaken(this.#nextReaderNumber))
      this.#nextReaderNumber = (this.#nextReaderNumber + 1) % readerNumberMax;
    const number = this.#nextReaderNumber;
    this.#nextReaderNumber = (number + 1) % readerNumberMax;
    return number;
  }

  #appendReaderRecord(record: Buffer): void {
    this.#openTurn();
    if (!this.isDurable) return;
    this.#readerRecords.push(record);
    this.#copyRecord(record);
  }

  #copyRecord(record: Buffer): void {
    const at = this.#room(record.length);
    record.copy(this.tail.buffer!, at);
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
    const at = this.#room(headSize + dataSize);
    const tail = this.tail;
    const target =
      audience === "everyone" ? forEveryone : audience === "fanouts" ? forFanouts : audience.number + 1;
    encodePutHead(tail.view!, at, target, id, addTimeMs, expiryMs, flags, dataSize);
    source.copy(tail.buffer!, at + headSize, start, end);
    this.nextId = id + 1;
    const segment = tail.segment;
    segment.nextId = id + 1;
    segment.items++;
    segment.bytes += dataSize;
    this.lastPutSize = dataSize;
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
    if (this.#isTurnOpen) return;
    this.#isTurnOpen = true;
    this.#mark = { chunk: this.tail, size: this.tail.size, nextId: this.nextId };
    this.#receipt = new Receipt();
    this.#options.turn.touch(this);
    for (const record of this.#readerRecords) this.#copyRecord(record);
  }

  /** Makes room for a record of `bytes` in the open frame, and says where it goes in the tail. */
  #room(bytes: number): number {
    this.#openTurn();
    let tail = this.tail;
    if (this.#frameStart >= 0 && tail.size - this.#frameStart >= frameSizeTarget) this.#sealFrame();
    let headSize = this.#frameStart < 0 ? frameHeadSize : 0;
    let grown = tail.grow(headSize + bytes);
    if (grown < 0) {
      this.#sealFrame();
      headSize = frameHeadSize;
      tail = this.#nextChunk(bytes);
      grown = tail.grow(headSize + bytes);
    }
    if (grown > 0) this.cache.account(grown);
    if (headSize > 0) {
      this.#frameStart = tail.size;
      // Readers walk over the head before the frame is sealed.
      tail.buffer![tail.size] = frameType;
      tail.size += frameHeadSize;
    }
    const at = tail.size;
    tail.size = at + bytes;
    return at;
  }

  /** The tail is full: a new one behind it, as large as a busy log wants it. */
  #nextChunk(bytes: number): Chunk {
    const full = this.tail;
    const tail = this.#addChunk(full.segment, full.end, this.nextId, 0);
    if (bytes < largeItemBytes && full.capacity >= chunkSizeMax) {
      this.cache.account(tail.hold(Buffer.allocUnsafeSlow(chunkSizeMax)));
    }
    return tail;
  }

  #addChunk(segment: Segment, offset: number, firstId: number, size: number): Chunk {
    const chunk = new Chunk(segment, offset, this.#nextChunkOrder++, firstId, size);
    if (this.tail !== null) this.tail.next = chunk;
    segment.chunks.push(chunk);
    this.tail = chunk;
    return chunk;
  }

  #sealFrame(): void {
    if (this.#frameStart < 0) return;
    const { buffer, view, size, segment } = this.tail;
    if (this.isDurable) sealFrame(buffer!, view!, this.#frameStart, size, segment.seed);
    this.#frameStart = -1;
  }

  // What readers tell

  /** Something in this chunk was finished: write it down at the end of the turn. */
  noteDone(chunk: Chunk): void {
    this.#openTurn();
    if (chunk === this.tail) return;
    if (chunk.segment.isClosed) this.#suspects.add(chunk.segment);
    if (!this.isDurable) this.cache.release(chunk);
  }

  /** A reader has gone on from this chunk to the next. */
  left(chunk: Chunk, reader: LogReader): void {
    this.cache.release(chunk);
    if (chunk.segment !== reader.chunk.segment && chunk.segment.isClosed) {
      this.#openTurn();
      this.#suspects.add(chunk.segment);
    }
    if (this.isDurable && reader.chunk !== this.tail) this.cache.readAhead(reader.chunk);
  }

  load(chunk: Chunk, reader: LogReader): void {
    this.cache.load(chunk, reader);
    this.cache.readAhead(chunk);
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
    this.#turnWritten();
    const { settings } = this;
    if (this.tail.end >= Math.max(settings.defaultJournalSizeBytes, this.#rollAtBytes)) this.#roll();
    this.#dropDead();
    this.cache.trim(settings.maxMemorySizeBytes);
  }

  #endMemoryTurn(): void {
    this.#sealFrame();
    for (let chunk: Chunk | null = this.#mark.chunk; chunk !== null; chunk = chunk.next) {
      chunk.writtenSize = chunk.size;
    }
    this.#isTurnOpen = false;
    for (const reader of this.readers) reader.turnWritten();
    this.#safeNextId = this.nextId;
    this.#receipt!.keep();
    if (this.tail.end >= memorySegmentSize) this.#startSegment([]);
    this.#dropDead();
  }

  /** Writes everything that the file does not have yet. */
  #writeTail(): void {
    for (const reader of this.readers) {
      const ranges = reader.turnRangeCount;
      if (ranges === 0) continue;
      const at = this.#room(doneHeadSize + ranges * doneRangeSize);
      reader.encodeTurn(this.tail.view!, at);
    }
    this.#sealFrame();
    for (let chunk: Chunk | null = this.#mark.chunk; chunk !== null; chunk = chunk.next) {
      if (chunk.writtenSize === chunk.size) continue;
      const { file } = chunk.segment;
      file!.write(chunk.buffer!, chunk.writtenSize, chunk.size, chunk.offset + chunk.writtenSize);
    }
  }

  #turnWritten(): void {
    this.#isTurnOpen = false;
    const receipt = this.#receipt!;
    const { segment } = this.tail;
    for (let chunk: Chunk | null = this.#mark.chunk; chunk !== null; chunk = chunk.next) {
      chunk.writtenSize = chunk.size;
      if (chunk !== this.tail) this.cache.release(chunk);
    }
    segment.size = this.tail.end;
    for (const reader of this.readers) reader.turnWritten();
    this.#readerRecords = [];
    const { syncJournal } = this.settings;
    if (syncJournal !== "never") this.#sync.written(segment.file!);
    if (syncJournal === 0) {
      const nextId = this.nextId;
      receipt.whenSettled(() => {
        this.#safeNextId = Math.max(this.#safeNextId, nextId);
      });
      this.#sync.request(receipt);
    } else {
      this.#safeNextId = this.nextId;
      receipt.keep();
    }
  }

  /** The turn's puts never happened; what it finished of older items is still owed to the file. */
  #undoTurn(error: KestrelError): void {
    this.#options.logger.error(
      { err: error, queue: this.#options.queueName },
      "the journal cannot be written",
    );
    this.#cutBack();
    this.#isTurnOpen = false;
    this.refusal = error;
    this.#receipt!.fail(error, true);
    this.#receipt = null;
    this.#options.reserve?.release();
    this.#writeOwed();
    this.#probeLater();
  }

  /** Memory and counters as they were before the turn. */
  #cutBack(): void {
    const { chunk: tail, size, nextId } = this.#mark;
    for (let chunk: Chunk | null = tail; chunk !== null; chunk = chunk.next) {
      this.#undoPuts(chunk, chunk === tail ? size : 0);
    }
    const { segment } = tail;
    for (let chunk = tail.next; chunk !== null; chunk = chunk.next) {
      this.cache.drop(chunk);
      segment.chunks.pop();
    }
    tail.next = null;
    tail.size = size;
    this.tail = tail;
    this.#frameStart = -1;
    this.nextId = segment.nextId = nextId;
    for (const reader of this.readers) reader.undoTurn(nextId, tail, size);
  }

  #undoPuts(chunk: Chunk, from: number): void {
    const { buffer, view, segment } = chunk;
    if (buffer === null || view === null) return;
    for (const [start, end] of framesOf(view, from, chunk.size)) {
      for (const { record } of decodeRecords(buffer, view, start, end)) {
        if (record.type !== "put") continue;
        const size = record.dataEnd - record.dataStart;
        segment.items--;
        segment.bytes -= size;
        for (const reader of this.readers) if (isFor(record.reader, reader)) reader.undoPut(record.id, size);
      }
    }
  }

  /** Writes the done records that are owed, if the disk takes them; they stay owed otherwise. */
  #writeOwed(): boolean {
    this.#mark = { chunk: this.tail, size: this.tail.size, nextId: this.nextId };
    this.#isTurnOpen = true;
    this.#receipt = new Receipt();
    try {
      this.tail.segment.file!.truncate(this.tail.end);
      for (const record of this.#readerRecords) this.#copyRecord(record);
      this.#writeTail();
    } catch {
      this.#cutBack();
      this.#isTurnOpen = false;
      this.#receipt = null;
      return false;
    }
    this.#turnWritten();
    return true;
  }

  #probeLater(): void {
    if (this.#probe !== null || this.#isClosed) return;
    this.#probe = this.#options.clock.after(probeDelayMs, () => {
      this.#probe = null;
      if (!this.#isClosed && !this.#isHealed()) this.#probeLater();
    });
  }

  /** Whether there is room again: the reserve, what is owed, and a trial. */
  #isHealed(): boolean {
    if (this.#isTurnOpen) return false;
    const { tail } = this;
    const { file } = tail.segment;
    try {
      file!.write(Buffer.alloc(probeBytes), 0, probeBytes, tail.end);
      file!.truncate(tail.end);
      this.#options.reserve?.refill();
    } catch {
      return false;
    }
    if (!this.#writeOwed()) return false;
    this.refusal = null;
    this.#options.logger.info({ queue: this.#options.queueName }, "the journal can be written again");
    return true;
  }

  #syncFailed(error: KestrelError): void {
    this.#options.logger.error(
      { err: error, queue: this.#options.queueName },
      "the journal cannot be synced",
    );
    this.refusal = error;
    this.#probeLater();
  }

  /** Syncs what has been written since the last time, if that is `periodMs` ago. */
  syncIfDue(periodMs: number): void {
    const now = this.#options.clock.now();
    if (now - this.#syncedMs < periodMs) return;
    this.#syncedMs = now;
    this.#sync.request(null);
  }

  // Segments

  #startSegment(readers: readonly ReaderState[]): void {
    const { folder, disk, queueName } = this.#options;
    const number = this.#nextSegmentNumber;
    const name = segmentName(this.nextId, number);
    let segment: Segment;
    if (folder === null) {
      segment = new Segment(null, name, number, this.nextId, 0);
    } else {
      const head = encodeSegmentHead(segmentSeed(name), this.nextId, this.createdMs, queueName, readers);
      const file = disk.create(path.join(folder, name));
      try {
        file.write(head, 0, head.length, 0);
      } catch (error) {
        file.close();
        throw error;
      }
      segment = new Segment(file, name, number, this.nextId, head.length);
      if (this.settings.syncJournal !== "never") this.#sync.created(file, () => disk.syncFolder(folder));
    }
    const previous = this.#segments[this.#segments.length - 1];
    if (previous !== undefined) previous.isClosed = true;
    this.#nextSegmentNumber++;
    this.#segments.push(segment);
    const busy = previous?.lastChunk.capacity ?? 0;
    const tail = this.#addChunk(segment, segment.size, this.nextId, 0);
    this.cache.account(tail.hold(Buffer.allocUnsafeSlow(busy >= chunkSizeMax ? chunkSizeMax : chunkSizeMin)));
    if (previous !== undefined) this.#suspects.add(previous);
  }

  /** Closes the tail segment and begins the next. When that fails the old one goes on. */
  #roll(): void {
    const { segment: closing } = this.tail;
    const { logger, queueName } = this.#options;
    try {
      this.#startSegment(this.readers.map((reader) => reader.state()));
    } catch (error) {
      this.#rollAtBytes = this.tail.end + rollRetryBytes;
      logger.warn({ err: error, queue: queueName }, "cannot begin a new segment; the old one goes on");
      return;
    }
    this.#rollAtBytes = 0;
    this.rotations++;
    // The states in the new segment hold whatever was still owed.
    for (const reader of this.readers) reader.turnWritten();
    try {
      const end = encodeSegmentEnd(closing.seed, closing.size, closing.index());
      closing.file!.write(end, 0, end.length, closing.size);
      closing.size += end.length;
    } catch (error) {
      // Without its index it is read whole at the next start, no more.
      logger.warn({ err: error, queue: queueName }, "cannot write the index of a closed segment");
    }
  }

  /** The regular look: files and memory of a log that is empty and was left alone since the last look shrink. */
  sweep(): void {
    const isIdle = this.#sweptEnd === this.tail.end;
    this.#sweptEnd = this.tail.end;
    if (!isIdle || this.#isTurnOpen || this.refusal !== null) return;
    if (this.tail === this.tail.segment.firstChunk && this.tail.size === 0) return;
    if (this.readers.some((reader) => reader.items > 0 || reader.openLength > 0)) return;
    if (this.isDurable) this.#roll();
    else this.#startSegment([]);
    this.#dropDead();
  }

  /** Removes the files of closed segments of which every reader has done every item. */
  #dropDead(): void {
    for (const segment of this.#suspects) {
      if (!segment.isClosed || segment.isDropped) continue;
      if (this.readers.every((reader) => reader.done.covers(segment.firstId, segment.nextId)))
        this.#drop(segment);
    }
    this.#suspects.clear();
  }

  #drop(segment: Segment): void {
    segment.isDropped = true;
    const index = this.#segments.indexOf(segment);
    const previous = this.#segments[index - 1];
    if (previous !== undefined) previous.lastChunk.next = segment.lastChunk.next;
    this.#segments.splice(index, 1);
    for (const chunk of segment.chunks) this.cache.drop(chunk);
    const { file } = segment;
    if (file === null) return;
    this.#sync.forget(file);
    file.close();
    this.#options.disk.removeFile(file.path).catch((error: unknown) => {
      this.#options.logger.warn({ err: error, file: file.path }, "cannot remove a finished segment");
    });
  }

  // Damage

  damaged(chunk: Chunk, bytes: Buffer, stretches: readonly Stretch[]): void {
    const { segment } = chunk;
    const { logger, disk } = this.#options;
    const lostIds = this.#missingIds(chunk);
    const size = stretches.reduce((sum, { start, end }) => sum + end - start, 0);
    for (const { start, end } of stretches) {
      const offset = chunk.offset + start;
      const aside = setAside(disk, segment.file!.path, offset, bytes.subarray(start, end), logger);
      logger.error(
        { file: segment.file!.path, offset, size: end - start, lostIds, aside },
        "damage in the journal",
      );
    }
    const length = lostIds.reduce((sum, [from, to]) => sum + to - from, 0);
    const dataSize = Math.max(0, size - length * putHeadSize - stretches.length * frameHeadSize);
    for (const [from, to] of lostIds) {
      const share = length === 0 ? 0 : Math.round((dataSize * (to - from)) / length);
      for (const reader of this.readers) reader.lose(from, to, share);
    }
    if (lostIds.length > 0) this.noteDone(chunk);
  }

  /** Ids that should be in this chunk and are not. */
  #missingIds(chunk: Chunk): [from: number, to: number][] {
    const present = new IdRanges();
    for (const [start, end] of framesOf(chunk.view!, 0, chunk.size)) {
      for (const { record } of decodeRecords(chunk.buffer!, chunk.view!, start, end)) {
        if (record.type === "put") present.add(record.id);
      }
    }
    const missing: [number, number][] = [];
    let from = chunk.firstId;
    const nextId = chunk.next?.firstId ?? this.nextId;
    for (const [start, end] of present) {
      if (start > from) missing.push([from, start]);
      from = end;
    }
    if (from < nextId) missing.push([from, nextId]);
    return missing;
  }

  unreadable(chunk: Chunk, error: Error): void {
    const { file } = chunk.segment;
    this.#options.logger.error(
      { err: error, file: file?.path, offset: chunk.offset },
      "the journal cannot be read",
    );
  }

  // The end

  /** Writes and syncs what is left, and closes the files. */
  async close(): Promise<void> {
    if (this.#isTurnOpen) this.writeTurn();
    this.#probe?.cancel();
    if (this.isDurable && this.settings.syncJournal !== "never") await this.#sync.settle();
    this.abandon();
  }

  /** Closes the files and lets go of the memory; nothing is written any more. */
  abandon(): void {
    this.#isClosed = true;
    // What was put in this turn was kept, and is gone with the rest.
    if (this.#isTurnOpen) this.#receipt?.keep();
    this.#probe?.cancel();
    for (const segment of this.#segments) {
      for (const chunk of segment.chunks) this.cache.drop(chunk);
      segment.isDropped = true;
      segment.file?.close();
    }
  }
}

/** Payloads of the frames in a chunk's bytes; holes are left out. The last frame may still be open. */
function* framesOf(view: DataView, from: number, size: number): Generator<[start: number, end: number]> {
  let at = from;
  while (at < size) {
    const isFrame = view.getUint8(at) === frameType;
    const end = Math.min(size, at + (isFrame ? frameHeadSize : 8) + view.getUint32(at + 4, true));
    if (isFrame) yield [at + frameHeadSize, end];
    at = end;
  }
}

function diskError(cause: unknown): KestrelError {
  if (cause instanceof KestrelError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason =
    code === "ENOSPC" ? "no space left on the journal's disk" : `the journal cannot be written: ${message}`;
  return new KestrelError("disk", reason, { cause });
}
