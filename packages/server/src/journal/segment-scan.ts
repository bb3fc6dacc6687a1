/**
 * A segment's file read whole: where its frames are sound, what is in them, and what is damaged. For recovery, which
 * needs it for the last segment only, and for whoever examines a journal.
 */
import { constants } from "node:buffer";
import path from "node:path";
import type { Disk } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { viewOf } from "./bytes.ts";
import { chunkSizeMax } from "./chunk.ts";
import { reportDamage, setAside } from "./damage.ts";
import { type Stretch, sealedFrames, splitStretches } from "./frame.ts";
import { IdRanges } from "./id-ranges.ts";
import { type ChunkPlace, decodeRecords, type LogRecord } from "./record.ts";
import { findIndex, findSegmentName, Segment, segmentMagic } from "./segment.ts";

export class SegmentScan {
  readonly segment: Segment;
  /** The file up to its index, to an end mark, or to its end. */
  readonly bytes: Buffer;
  readonly stretches: readonly Stretch[];
  /** Its content, in stretches of the size of chunks. */
  readonly places: ChunkPlace[] = [];
  /** `records` has met puts whose ids do not rise: damage has put a piece of the file there twice. They count for none. */
  hasDoubles = false;
  /** Of its puts. */
  readonly ids: IdRanges = new IdRanges();

  private constructor(segment: Segment, bytes: Buffer, stretches: readonly Stretch[]) {
    this.segment = segment;
    this.bytes = bytes;
    this.stretches = stretches;
  }

  /** Reads a file whose name `findSegmentName` knows. Throws the system's error. */
  static read(disk: Pick<Disk, "open">, file: string): SegmentScan {
    const segment = openSegment(disk, file);
    const found = findIndex(segment.file!, segment.seed);
    segment.isClosed = found !== undefined;
    const end = found?.offset ?? segment.size;
    if (end > constants.MAX_LENGTH) throw new Error(`${file} has ${end} bytes: that is no segment of ours`);
    const bytes = Buffer.allocUnsafeSlow(end);
    bytes.fill(0, segment.file!.readNow(bytes, 0, end, 0));
    const start = Math.min(end, segmentMagic.length);
    const stretches = splitStretches(bytes, start, end, segment.seed, found === undefined);
    const contentEnd = stretches[stretches.length - 1]?.end ?? start;
    if (contentEnd < end) {
      segment.staleEnd = end;
      segment.size = segment.syncedSize = contentEnd;
    }
    return new SegmentScan(segment, bytes.subarray(0, contentEnd), stretches);
  }

  /** Whether the readers' state, which stands first, can be read, or its copy. */
  get hasState(): boolean {
    const first = this.stretches.find((stretch) => stretch.isSound);
    if (first === undefined) return false;
    const view = viewOf(this.bytes);
    for (const [from, to] of sealedFrames(view, first.start, first.end)) {
      for (const { record } of decodeRecords(this.bytes, view, from, to)) return record.type === "segment";
    }
    return false;
  }

  get isEmpty(): boolean {
    return !this.stretches.some((stretch) => stretch.isSound);
  }

  /** Damage that is not simply the end of a write that a crash has cut short. */
  get damage(): Stretch[] {
    const damage = this.stretches.filter((stretch) => !stretch.isSound);
    if (this.tornTail !== undefined) damage.pop();
    return damage;
  }

  /** What does not check at the end of a segment that was not closed. */
  get tornTail(): Stretch | undefined {
    const last = this.stretches[this.stretches.length - 1];
    return last === undefined || last.isSound || this.segment.isClosed ? undefined : last;
  }

  /** Goes through all sound records in order, and notes places, counts and ids on the way. */
  *records(): Generator<LogRecord> {
    const { segment, bytes, places } = this;
    const view = viewOf(bytes);
    for (const stretch of this.stretches) {
      if (!stretch.isSound) continue;
      let place = { offset: stretch.start, size: 0, firstId: segment.nextId };
      for (const [from, to] of sealedFrames(view, stretch.start, stretch.end)) {
        let isContent = true;
        for (const { record } of decodeRecords(bytes, view, from, to)) {
          if (record.type === "segment" || record.type === "index") isContent = false;
          if (record.type === "put") {
            if (record.id < segment.nextId) {
              this.hasDoubles = true;
              continue;
            }
            segment.nextId = record.id + 1;
            segment.items++;
            segment.bytes += record.dataEnd - record.dataStart;
            this.ids.add(record.id);
          }
          yield record;
        }
        if (isContent) place.size = to - place.offset;
        if (!isContent || place.size >= chunkSizeMax || to === stretch.end) {
          if (place.size > 0) places.push(place);
          place = { offset: to, size: 0, firstId: segment.nextId };
        }
      }
    }
  }

  /** A copy of all before the first item; after `records`. */
  get head(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.places[0]?.offset ?? this.segment.size));
  }

  /**
   * Reports damage and cuts off a torn tail, or what the file held before; after `records`. True: it has cut something,
   * and `segment.finishCut` must follow before anything is written. Throws the system's error when that is not possible.
   */
  mend(disk: Pick<Disk, "create">, logger: Logger): boolean {
    const { segment, bytes } = this;
    const file = segment.file!;
    for (const { start, end } of this.damage) {
      // Ids rise with the places: what is missing between the items around it was there.
      const before = this.places.filter((place) => place.offset < start).length;
      const from = this.places[before]?.firstId ?? segment.nextId;
      const lostIds = this.#lostFrom(from);
      // Behind the last item there may have been others.
      const firstLostId = from === segment.nextId ? from : null;
      reportDamage(disk, logger, file.path, start, bytes.subarray(start, end), lostIds, firstLostId);
    }
    const torn = this.tornTail;
    if (torn !== undefined) {
      const { start, end } = torn;
      const aside = setAside(disk, file.path, start, bytes.subarray(start, end), logger);
      const fields = {
        file: file.path,
        offset: start,
        size: end - start,
        firstLostId: segment.nextId,
        aside,
      };
      logger.warn(fields, "the journal's tail is torn; cut");
      segment.size = segment.syncedSize = start;
      segment.staleEnd = end;
    }
    return segment.beginCut();
  }

  /** The gap that starts at the first missing id from here on. */
  #lostFrom(from: number): [from: number, to: number][] {
    return this.ids.gaps(from, this.segment.nextId).slice(0, 1);
  }
}

/** A segment of which nothing but name and size is known. */
export function openSegment(disk: Pick<Disk, "open">, file: string): Segment {
  const name = path.basename(file);
  const opened = disk.open(file);
  const { firstId, number } = findSegmentName(name)!;
  return new Segment(opened, name, number, firstId, opened.size());
}
