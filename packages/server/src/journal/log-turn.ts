/**
 * What one turn appends to a log: written by one call, or undone whole. What a turn that failed was to say of readers
 * and of finished items stays owed to the file, and goes with the next. It decides neither when a turn ends nor what
 * becomes of its receipt.
 */
import type { Chunk } from "./chunk.ts";
import type { ChunkCache } from "./chunk-cache.ts";
import { encodeEndMark, frameHeadSize, markEnd, sealedFrames } from "./frame.ts";
import type { LogReader } from "./log-reader.ts";
import { Receipt } from "./receipt.ts";
import { decodeRecords, doneHeadSize, doneRangeSize, isFor } from "./record.ts";
import type { SegmentChain } from "./segment-chain.ts";
import type { TailWriter } from "./tail-writer.ts";

/** What a turn needs of its log. */
export interface LogTurnOwner {
  readonly readers: readonly LogReader[];
  /** The next item's id: goes back with a turn that is undone. */
  nextId: number;
}

/** Where a turn began: what it goes back to when it cannot be written. */
interface TurnMark {
  readonly chunk: Chunk;
  readonly size: number;
  readonly nextId: number;
}

export class LogTurn {
  isOpen = false;
  /** Of the turn that is open, else of the last one; null after one that was undone. */
  receipt: Receipt | null = null;
  readonly #log: LogTurnOwner;
  readonly #chain: SegmentChain;
  readonly #cache: ChunkCache;
  readonly #writer: TailWriter;
  #mark: TurnMark | null = null;
  /** A write has failed, and what it has left behind the content must go before anything else is written there. */
  #isTorn = false;
  /** Records of readers that came or went in this turn, to be written again should it fail. */
  #readerRecords: (() => Buffer)[] = [];

  constructor(log: LogTurnOwner, chain: SegmentChain, cache: ChunkCache, writer: TailWriter) {
    this.#log = log;
    this.#chain = chain;
    this.#cache = cache;
    this.#writer = writer;
  }

  /** Begins with what failed turns still owe. */
  open(): void {
    const { tail } = this.#chain;
    this.isOpen = true;
    this.#mark = { chunk: tail, size: tail.size, nextId: this.#log.nextId };
    this.receipt = new Receipt();
    for (const encode of this.#readerRecords) this.#writer.copy(encode(), this.#log.nextId);
  }

  /** Appends what is to be told of a reader, which `encode` gives anew for each try; the turn must be open. */
  appendReaderRecord(encode: () => Buffer): void {
    this.#readerRecords.push(encode);
    this.#writer.copy(encode(), this.#log.nextId);
  }

  /** Writes everything that the file does not have yet. Throws the system's error. */
  write(): void {
    for (const reader of this.#log.readers) {
      const ranges = reader.turnRangeCount;
      if (ranges === 0) continue;
      const at = this.#writer.room(doneHeadSize + ranges * doneRangeSize, this.#log.nextId);
      reader.encodeTurn(this.#chain.tail.view!, at);
    }
    this.#writer.seal();
    const { chunk: first, size } = this.#mark!;
    if (this.#isTorn) first.segment.cutBehind(first.offset + size);
    this.#isTorn = true;
    for (let chunk: Chunk | null = first; chunk !== null; chunk = chunk.next) {
      if (chunk.writtenSize === chunk.size) continue;
      writeChunk(chunk);
    }
    this.#isTorn = false;
  }

  /** Ends the turn: what the chunks hold counts as written. */
  end(): void {
    const { tail } = this.#chain;
    this.isOpen = false;
    this.#writer.seal();
    for (let chunk: Chunk | null = this.#mark!.chunk; chunk !== null; chunk = chunk.next) {
      chunk.writtenSize = chunk.size;
      if (chunk !== tail) this.#cache.release(chunk);
    }
    tail.segment.size = tail.end;
    for (const reader of this.#log.readers) reader.turnWritten();
    if (this.#readerRecords.length > 0) this.#readerRecords = [];
  }

  /**
   * Ends the turn as if its puts had never happened: memory and counters are what they were before. What it finished
   * of older items is still owed. Its receipt is the caller's to fail.
   */
  undo(): void {
    const { chunk: tail, size, nextId } = this.#mark!;
    this.isOpen = false;
    this.receipt = null;
    this.#writer.abandonFrame();
    for (let chunk: Chunk | null = tail; chunk !== null; chunk = chunk.next) {
      this.#undoPuts(chunk, chunk === tail ? size : 0);
    }
    this.#chain.cutBehind(tail);
    tail.size = size;
    this.#log.nextId = tail.segment.nextId = nextId;
    for (const reader of this.#log.readers) reader.undoTurn(nextId, tail, size);
    // Who was let go in this turn, since it was full and read, holds nothing that could be walked over.
    if (tail.buffer === null && size > 0) this.#chain.extend(nextId);
  }

  /**
   * A turn for the records that failed turns still owe. Its receipt; null if the disk does not take them, and they
   * stay owed.
   */
  writeOwed(): Receipt | null {
    this.open();
    try {
      this.write();
    } catch {
      this.undo();
      return null;
    }
    this.end();
    return this.receipt;
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
        for (const reader of this.#log.readers)
          if (isFor(record.reader, reader)) reader.undoPut(record.id, dataSize);
      }
    }
  }
}

/** Writes what the file does not have yet, and an end mark behind it where there is something else. */
function writeChunk({ segment, buffer, view, offset, size, writtenSize }: Chunk): void {
  const { file, staleEnd, seed } = segment;
  let end = size;
  if (offset + size < staleEnd) {
    segment.markAhead(offset + size);
    if (size + frameHeadSize <= buffer!.length) {
      end = markEnd(buffer!, view!, size, seed);
    } else {
      // First, so that there is always one behind what counts.
      file!.write(encodeEndMark(seed), 0, frameHeadSize, offset + size);
    }
  }
  file!.write(buffer!, writtenSize, end, offset + writtenSize);
}
