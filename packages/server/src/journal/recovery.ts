/**
 * Reads a log's folder after a start. Only the segments from the last sound readers' state on are read whole, so
 * the time does not depend on the backlog. A torn tail is cut; damage in the middle is reported, set aside, and
 * all behind it kept.
 */
import path from "node:path";
import type { Disk } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { viewOf } from "./bytes.ts";
import { unfinishedSuffix } from "./compaction.ts";
import { type LostIds, setAside } from "./damage.ts";
import { sealedFrames, splitStretches } from "./frame.ts";
import { IdRanges } from "./id-ranges.ts";
import { type ChunkPlace, decodeRecords, isFor, type LogRecord, type ReaderState } from "./record.ts";
import { findIndex, findSegmentName, type Segment } from "./segment.ts";
import { openSegment, SegmentScan } from "./segment-scan.ts";

/** All that a recovery does to files goes through these. */
export type RecoveryDisk = Pick<Disk, "list" | "open" | "create" | "removeFile">;

/** A segment and where its content lies in the file. */
interface PlacedSegment {
  readonly segment: Segment;
  readonly places: readonly ChunkPlace[];
}

export interface RecoveredLog {
  readonly segments: readonly PlacedSegment[];
  readonly readers: readonly ReaderState[];
  readonly nextId: number;
  readonly nextSegmentNumber: number;
  readonly nextReaderNumber: number;
  /** 0 when no segment tells. */
  readonly createdMs: number;
  /** By a reader's number: ids that it had not finished and that no file holds any more. They count as done. */
  readonly lostIds: ReadonlyMap<number, LostIds>;
}

/** A reader while records are replayed. */
interface ReplayedReader {
  readonly number: number;
  readonly name: string;
  items: number;
  bytes: number;
  readonly done: IdRanges;
}

/** Reads the log in `folder`. Throws the system's error when a file cannot be read or cut. */
export function recoverLog(folder: string, disk: RecoveryDisk, logger: Logger): RecoveredLog {
  return new Recovery(folder, disk, logger).run();
}

class Recovery {
  readonly #disk: RecoveryDisk;
  readonly #logger: Logger;
  readonly #folder: string;
  /** Paths of the segments, the oldest first. */
  readonly #files: readonly string[];
  readonly #readers: Map<number, ReplayedReader> = new Map();
  #createdMs = 0;
  #nextReaderNumber = 0;
  /** What was finished of ids below this one is not told in full. */
  #toldFrom = 0;
  /** Ids that the files hold, as far as what was read of them tells. */
  #present: IdRanges = new IdRanges();
  /** Counters that were written down before something was lost cannot be trusted. */
  #mustCount = false;

  constructor(folder: string, disk: RecoveryDisk, logger: Logger) {
    this.#folder = folder;
    this.#disk = disk;
    this.#logger = logger;
    const listed = disk.list(folder);
    for (const name of listed) if (name.endsWith(unfinishedSuffix)) this.#remove(path.join(folder, name));
    const names = listed.filter((name) => findSegmentName(name) !== undefined);
    this.#files = names.map((name) => path.join(folder, name));
  }

  run(): RecoveredLog {
    const replayed = this.#readNewest();
    const older = this.#files.length - replayed.length;
    const segments: PlacedSegment[] = [];
    for (let index = 0; index < older; index++)
      segments.push(this.#readIndex(index) ?? this.#readOlder(index));
    if (replayed[0]?.hasState !== true) this.#startUnread(replayed[0]?.segment.firstId ?? 1);
    for (const [position, scan] of replayed.entries()) {
      if (scan.isEmpty) this.#removeLeftover(scan);
      else segments.push(this.#replay(scan, older + position, (record) => this.#apply(record)));
    }
    const last = segments[segments.length - 1]?.segment;
    for (const { segment } of segments) segment.isClosed ||= segment !== last;
    // An id that was ever finished is never given to another item.
    const nextId = Math.max(
      1,
      last?.nextId ?? 1,
      ...[...this.#readers.values()].map((reader) => reader.done.end),
    );
    const lostIds = this.#findLost(segments, nextId);
    const readers = [...this.#readers.values()].map((reader) => ({ ...reader, done: [...reader.done] }));
    const newest = this.#files[this.#files.length - 1];
    return {
      segments,
      readers,
      nextId,
      lostIds,
      nextSegmentNumber: newest === undefined ? 1 : findSegmentName(path.basename(newest))!.number + 1,
      nextReaderNumber: this.#nextReaderNumber,
      createdMs: this.#createdMs,
    };
  }

  /** From the newest back to the first that tells the readers' state. */
  #readNewest(): SegmentScan[] {
    const scans: SegmentScan[] = [];
    for (let index = this.#files.length - 1; index >= 0; index--) {
      const scan = SegmentScan.read(this.#disk, this.#files[index]!);
      scans.unshift(scan);
      if (scan.hasState) break;
    }
    return scans;
  }

  /** No state: a folder that holds nothing yet, or all that told it is damaged. Rather read twice than lost. */
  #startUnread(firstId: number): void {
    if (this.#files.length > 0) {
      this.#logger.error({ folder: this.#folder }, "no readers' state is left: all items count as unread");
      this.#mustCount = true;
    }
    this.#addReader(0, "", firstId);
  }

  /** The states of a rewritten segment tell all of what it holds itself, little of what is older, and no numbers. */
  #startUncounted(firstId: number): void {
    this.#toldFrom = firstId;
    this.#mustCount = true;
  }

  /** A closed segment by its index alone; undefined when that is missing or does not check. */
  #readIndex(position: number): PlacedSegment | undefined {
    const segment = openSegment(this.#disk, this.#files[position]!);
    const found = findIndex(segment.file!, segment.seed);
    if (found === undefined) {
      segment.file!.close();
      return undefined;
    }
    segment.nextId = found.index.nextId;
    segment.items = found.index.items;
    segment.bytes = found.index.bytes;
    segment.isClosed = true;
    this.#present.addRange(segment.firstId, segment.nextId);
    return { segment, places: found.index.chunks };
  }

  /** An older segment without an index: what it says of readers is in the newer ones' states already. */
  #readOlder(position: number): PlacedSegment {
    return this.#replay(SegmentScan.read(this.#disk, this.#files[position]!), position, () => {});
  }

  #replay(scan: SegmentScan, position: number, apply: (record: LogRecord) => void): PlacedSegment {
    const { segment } = scan;
    for (const record of scan.records()) apply(record);
    const isLast = position === this.#files.length - 1;
    if (scan.damage.length > 0 || (scan.tornTail !== undefined && !isLast)) this.#mustCount = true;
    scan.mend(this.#disk, this.#logger);
    const next = this.#files[position + 1];
    if (next !== undefined)
      segment.nextId = Math.max(segment.nextId, findSegmentName(path.basename(next))!.firstId);
    for (const [from, to] of scan.ids) this.#present.addRange(from, to);
    return { segment, places: scan.places };
  }

  /** A file in which nothing is whole: a crash has cut short its first write, or it is damaged from end to end. */
  #removeLeftover(scan: SegmentScan): void {
    const file = scan.segment.file!;
    if (scan.bytes.some((byte) => byte !== 0)) {
      const aside = setAside(this.#disk, file.path, 0, scan.bytes, this.#logger);
      const fields = { file: file.path, size: scan.bytes.length, aside };
      this.#logger.warn(fields, "nothing in a segment is whole; removed");
    }
    file.close();
    this.#remove(file.path);
  }

  #remove(file: string): void {
    this.#disk.removeFile(file).catch((error: unknown) => {
      this.#logger.warn({ err: error, file }, "cannot remove what a crash has left");
    });
  }

  #addReader(number: number, name: string, firstId: number): void {
    this.#nextReaderNumber = Math.max(this.#nextReaderNumber, number + 1);
    this.#readers.set(number, { number, name, items: 0, bytes: 0, done: IdRanges.of([[0, firstId]]) });
  }

  #apply(record: LogRecord): void {
    switch (record.type) {
      case "segment":
        // The states that follow say all that is known at this point.
        this.#createdMs = record.createdMs;
        this.#readers.clear();
        if (record.isRewritten) this.#startUncounted(record.firstId);
        return;
      case "readerState": {
        const { number, name, items, bytes, done } = record.state;
        this.#nextReaderNumber = Math.max(this.#nextReaderNumber, number + 1);
        this.#readers.set(number, { number, name, items, bytes, done: IdRanges.of(done) });
        return;
      }
      case "readerAdded":
        this.#addReader(record.reader, record.name, record.firstId);
        return;
      case "readerRemoved":
        this.#readers.delete(record.reader);
        return;
      case "put":
        for (const reader of this.#readers.values()) {
          if (!isFor(record.reader, reader)) {
            reader.done.add(record.id);
          } else if (!reader.done.has(record.id)) {
            reader.items++;
            reader.bytes += record.dataEnd - record.dataStart;
          }
        }
        return;
      case "done":
        for (const reader of this.#readers.values()) {
          if (record.reader !== reader.number) continue;
          for (const [from, to] of record.ranges) reader.done.addRange(from, to);
          reader.items -= record.items;
          reader.bytes -= record.bytes;
        }
        return;
    }
  }

  /**
   * Finishes the ids that no file holds: their bytes were damaged, or the removal of a segment has outlived a power
   * loss and the records that allowed it have not. No reader will ever meet them, so they must neither be counted
   * nor keep a segment alive.
   */
  #findLost(segments: readonly PlacedSegment[], nextId: number): Map<number, LostIds> {
    const readers = [...this.#readers.values()];
    const isMissed = (from: number, to: number): boolean =>
      readers.some((reader) => !reader.done.covers(from, to));
    this.#mustCount ||= this.#present.gaps(0, nextId).some(([from, to]) => isMissed(from, to));
    this.#mustCount ||= segments.some(({ segment }) =>
      readers.some((reader) => lengthOf(reader.done.gaps(segment.firstId, segment.nextId)) > segment.items),
    );
    if (this.#mustCount) this.#countAgain(segments);
    const lost = new Map<number, LostIds>();
    const missing = this.#present.gaps(0, nextId);
    for (const { number, name, done } of readers) {
      const lostIds = missing.flatMap(([from, to]) => done.gaps(Math.max(from, this.#toldFrom), to));
      for (const [from, to] of missing) done.addRange(from, to);
      if (lostIds.length === 0) continue;
      lost.set(number, lostIds);
      const fields = { folder: this.#folder, reader: name, length: lengthOf(lostIds), lostIds };
      this.#logger.warn(fields, "items are in no file of the journal");
    }
    return lost;
  }

  /** Counts what is there and not done, and notes every id that is there. */
  #countAgain(segments: readonly PlacedSegment[]): void {
    this.#present = new IdRanges();
    for (const reader of this.#readers.values()) {
      reader.items = 0;
      reader.bytes = 0;
    }
    for (const { segment, places } of segments) {
      for (const { offset, size } of places) {
        const bytes = Buffer.allocUnsafeSlow(size);
        segment.file!.readNow(bytes, 0, size, offset);
        for (const { start, end, isSound } of splitStretches(bytes, 0, size, segment.seed)) {
          if (isSound) this.#countStretch(bytes, start, end);
        }
      }
    }
  }

  #countStretch(bytes: Buffer, start: number, end: number): void {
    const view = viewOf(bytes);
    for (const [from, to] of sealedFrames(view, start, end)) {
      for (const { record } of decodeRecords(bytes, view, from, to)) {
        if (record.type !== "put") continue;
        this.#present.add(record.id);
        for (const reader of this.#readers.values()) {
          if (!isFor(record.reader, reader) || reader.done.has(record.id)) continue;
          reader.items++;
          reader.bytes += record.dataEnd - record.dataStart;
        }
      }
    }
  }
}

function lengthOf(ids: LostIds): number {
  return ids.reduce((sum, [from, to]) => sum + to - from, 0);
}
