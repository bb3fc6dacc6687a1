/**
 * Keeps the bytes of a log that hold no live item within `maxJournalSize`: segments that are mostly dead are
 * rewritten with their live items only, so that a few items, open or unread for long, do not pin gigabytes.
 *
 * It cannot storm: only a segment of which more than half is dead is rewritten, so each byte written frees another
 * one, and none is rewritten again before `minJournalCompactDelay` is over. A segment where a reader stands is left
 * alone. The new file is whole and synced before it takes the old one's name; a crash leaves one of the two. What was
 * finished, which it does not tell, is synced in the segments behind it by then.
 */
import type { Clock } from "../clock.ts";
import type { Disk, DiskFile } from "../disk.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";
import { viewOf } from "./bytes.ts";
import { chunkSizeMax } from "./chunk.ts";
import { frameHeadSize, sealedFrames, splitStretches } from "./frame.ts";
import { IdRanges } from "./id-ranges.ts";
import type { LogReader } from "./log-reader.ts";
import { type ChunkPlace, decodeRecords, isFor, type ReaderState } from "./record.ts";
import { encodeFrame, encodeSegmentEnd, encodeSegmentHead, type Segment } from "./segment.ts";
import type { SegmentChain } from "./segment-chain.ts";
import { frameSizeTarget } from "./tail-writer.ts";

/** Only segments with at least this share of dead items are worth it. */
const deadShareMin = 0.5;
/** Behind the name of a file that is being written; recovery removes what has it. */
export const unfinishedSuffix = "~";

export interface CompactionOptions {
  readonly queueName: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface CompactionOwner {
  readonly readers: readonly LogReader[];
  readonly settings: QueueSettings;
}

/** A rewritten segment's bytes, and where the items that it kept lie: chunk's index and place in the chunk. */
interface Rewritten {
  readonly bytes: Buffer;
  readonly size: number;
  readonly items: number;
  readonly dataBytes: number;
  readonly places: ChunkPlace[];
  readonly keptAt: Map<number, { chunk: number; at: number }>;
}

export class Compaction {
  /** Segments rewritten since the start. */
  rewrites = 0;
  readonly #options: CompactionOptions;
  readonly #owner: CompactionOwner;
  readonly #chain: SegmentChain;
  readonly #rewrittenMs: WeakMap<Segment, number> = new WeakMap();
  #running: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: CompactionOptions, owner: CompactionOwner, chain: SegmentChain) {
    this.#options = options;
    this.#owner = owner;
    this.#chain = chain;
  }

  /** Begins if there is need and nothing is running. Failures are logged; the old segment, if it is still there, goes on. */
  consider(): void {
    if (this.#running !== null || this.#isClosed) return;
    if (this.#chain.size <= this.#owner.settings.maxJournalSizeBytes) return;
    const segment = this.#findWorst();
    if (segment === undefined) return;
    this.#running = this.#rewrite(segment).then(
      () => {
        this.#running = null;
        this.consider();
      },
      (error: unknown) => {
        // The next try comes with the next segment or sweep.
        this.#running = null;
        const { logger, queueName } = this.#options;
        const fields = { err: error, queue: queueName, file: segment.file?.path };
        // What nobody needs any more may be gone already.
        if (segment.isDropped || this.#isClosed) logger.debug(fields, "ended the rewriting of a segment");
        else logger.warn(fields, "cannot rewrite a segment");
      },
    );
    this.#rewrittenMs.set(segment, this.#options.clock.now());
  }

  /** Waits for what is running. */
  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#running !== null) await this.#running;
  }

  /** The segment with the most dead bytes, if the log has more of them than it may. */
  #findWorst(): Segment | undefined {
    const { maxJournalSizeBytes, minJournalCompactDelayMs } = this.#owner.settings;
    const now = this.#options.clock.now();
    let deadBytes = 0;
    let worst: Segment | undefined;
    let worstBytes = 0;
    for (const segment of this.#chain.segments) {
      const share = this.#deadShare(segment);
      const bytes = share * segment.size;
      deadBytes += bytes;
      if (bytes <= worstBytes || share < deadShareMin || !this.#isFree(segment)) continue;
      if (now - (this.#rewrittenMs.get(segment) ?? Number.NEGATIVE_INFINITY) < minJournalCompactDelayMs)
        continue;
      worst = segment;
      worstBytes = bytes;
    }
    return deadBytes > maxJournalSizeBytes ? worst : undefined;
  }

  /** About which part of its items nobody wants any more. */
  #deadShare(segment: Segment): number {
    let live = 0;
    for (const { done } of this.#owner.readers) {
      for (const [from, to] of done.gaps(segment.firstId, segment.nextId)) live += to - from;
    }
    // One without items goes with the next turn; there is nothing in it to rewrite.
    return segment.items === 0 ? 0 : Math.max(0, 1 - live / segment.items);
  }

  /** Closed, and nobody stands in it or waits for its bytes. */
  #isFree(segment: Segment): boolean {
    if (!segment.isClosed || segment.isDropped || this.#isClosed) return false;
    if (this.#owner.readers.some((reader) => reader.chunk.segment === segment)) return false;
    return segment.chunks.every((chunk) => chunk.awaitedBy === null);
  }

  async #rewrite(segment: Segment): Promise<void> {
    const { disk } = this.#options;
    const old = segment.file!;
    const end = segment.lastChunk.end;
    const content = Buffer.allocUnsafeSlow(end);
    if ((await old.read(content, 0, end, 0)) < end) throw new Error("the file is shorter than it was");
    if (!this.#isFree(segment)) return;
    const rewritten = this.#liveContent(segment, content);
    const unfinished = `${old.path}${unfinishedSuffix}`;
    const file = disk.create(unfinished);
    let isInPlace = false;
    try {
      file.write(rewritten.bytes, 0, rewritten.bytes.length, 0);
      await file.sync();
      if ((await this.#chain.files.whenReplaceable()) && this.#isFree(segment)) {
        file.rename(old.path);
        isInPlace = true;
      }
    } finally {
      if (!isInPlace) {
        file.close();
        await disk.removeFile(unfinished);
      }
    }
    if (!isInPlace) return;
    this.#adopt(segment, file, rewritten);
    old.close();
    this.rewrites++;
  }

  /** The file as it would have been with only the items that somebody still wants. */
  #liveContent(segment: Segment, content: Buffer): Rewritten {
    const view = viewOf(content);
    const { queueName } = this.#options;
    const { createdMs } = this.#chain;
    const states = this.#owner.readers.map((reader) => stateAtEnd(reader, segment));
    const parts = [encodeSegmentHead(segment.seed, segment.firstId, createdMs, queueName, states, true)];
    let offset = parts[0]!.length;
    const places: ChunkPlace[] = [];
    const kept = new Map<number, { chunk: number; at: number }>();
    let chunk = { offset, size: 0, firstId: segment.firstId };
    let frame: Buffer[] = [];
    let frameSize = frameHeadSize;
    let dataBytes = 0;
    let lastId = segment.firstId - 1;
    const endFrame = (): void => {
      if (frame.length === 0) return;
      const sealed = encodeFrame(frame, segment.seed);
      parts.push(sealed);
      offset += sealed.length;
      chunk.size += sealed.length;
      frame = [];
      frameSize = frameHeadSize;
      if (chunk.size < chunkSizeMax) return;
      places.push(chunk);
      chunk = { offset, size: 0, firstId: lastId + 1 };
    };
    for (const { offset: from, size } of segment.chunks) {
      for (const stretch of splitStretches(content, from, from + size, segment.seed)) {
        if (!stretch.isSound) throw new Error(`damage at ${stretch.start}`);
        for (const [start, end] of sealedFrames(view, stretch.start, stretch.end)) {
          for (const { at, record } of decodeRecords(content, view, start, end)) {
            if (record.type !== "put" || !this.#isWanted(record.reader, record.id)) continue;
            kept.set(record.id, { chunk: places.length, at: chunk.size + frameSize });
            frame.push(content.subarray(at, record.dataEnd));
            frameSize += record.dataEnd - at;
            dataBytes += record.dataEnd - record.dataStart;
            lastId = record.id;
            if (frameSize >= frameSizeTarget) endFrame();
          }
        }
      }
    }
    endFrame();
    if (chunk.size > 0 || places.length === 0) places.push(chunk);
    const { firstId, nextId } = segment;
    const index = { items: kept.size, bytes: dataBytes, firstId, nextId, chunks: places };
    parts.push(encodeSegmentEnd(segment.seed, offset, index));
    const bytes = Buffer.concat(parts);
    return { bytes, size: bytes.length, items: kept.size, dataBytes, places, keptAt: kept };
  }

  #isWanted(target: number, id: number): boolean {
    return this.#owner.readers.some((reader) => isFor(target, reader) && !reader.done.has(id));
  }

  /** The segment goes on in its new file; open and returned items are found there. */
  #adopt(segment: Segment, file: DiskFile, rewritten: Rewritten): void {
    this.#chain.replace(segment, file, rewritten.places, rewritten.size);
    segment.items = rewritten.items;
    segment.bytes = rewritten.dataBytes;
    for (const reader of this.#owner.readers) {
      reader.movePlaces(segment, (id) => {
        const { chunk, at } = rewritten.keptAt.get(id)!;
        return { chunk: segment.chunks[chunk]!, at };
      });
    }
  }
}

/**
 * What recovery is to know of a reader when the starts of all later segments are lost. No larger than what the
 * segment holds: of older segments only where the first live item is. Nothing of ids behind the segment, since one
 * that came to nothing in a failed turn is given to another item.
 */
function stateAtEnd({ number, name, done }: LogReader, { firstId, nextId }: Segment): ReaderState {
  const ranges = IdRanges.of([[0, Math.min(done.firstMissing(0), nextId)]]);
  for (const [from, to] of done) ranges.addRange(Math.max(from, firstId), Math.min(to, nextId));
  return { number, name, items: 0, bytes: 0, done: [...ranges] };
}
