/**
 * Reads a log's folder after a start. Only the segments from the last sound readers' state on are read whole, so
 * the time does not depend on the backlog. A torn tail is cut; damage in the middle is reported, set aside, and
 * all behind it kept.
 */
import path from "node:path";
import type { Disk } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { unfinishedSuffix } from "./compaction.ts";
import { type LostIds, setAside } from "./damage.ts";
import { IdRanges } from "./id-ranges.ts";
import { type PlacedSegment, type ReplayedReader, reconcile } from "./reconciliation.ts";
import { isFor, type LogRecord, type ReaderState } from "./record.ts";
import { findIndex, findSegmentName, type Segment } from "./segment.ts";
import { openSegment, SegmentScan } from "./segment-scan.ts";

/** All that a recovery does to files goes through these. */
export type RecoveryDisk = Pick<Disk, "list" | "open" | "create" | "removeFile">;

export interface RecoveredLog {
  readonly segments: readonly PlacedSegment[];
  /** Those of which it has begun to cut something off. Nothing may be written before these cuts are finished. */
  readonly cutSegments: readonly Segment[];
  readonly readers: readonly ReaderState[];
  readonly nextId: number;
  /** Whether the last segment tells the readers' states rightly. If not, an older one may, which may go, or none. */
  readonly isStateTold: boolean;
  readonly nextSegmentNumber: number;
  readonly nextReaderNumber: number;
  /** 0 when no segment tells. */
  readonly createdMs: number;
  /** By a reader's number: ids that it had not finished and that no file holds any more. They count as done. */
  readonly lostIds: ReadonlyMap<number, LostIds>;
}

/** Reads the log in `folder`. Throws the system's error when a file cannot be read or cut. */
export function recoverLog(folder: string, disk: RecoveryDisk, logger: Logger): RecoveredLog {
  return new Recovery(folder, disk, logger).run();
}

/**
 * What a recovery has cut off is gone for good. Where the disk refuses that it rejects with the system's error, and the
 * files are closed.
 */
export async function finishCuts({ cutSegments, segments }: RecoveredLog): Promise<void> {
  try {
    await Promise.all(cutSegments.map((segment) => segment.finishCut()));
  } catch (error) {
    for (const { segment } of segments) segment.file?.close();
    throw error;
  }
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
  readonly #cutSegments: Segment[] = [];
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
    for (let index = 0; index < older; index++) {
      const segment = this.#readIndex(index) ?? this.#readOlder(index);
      if (segment !== null) segments.push(segment);
    }
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
    const readers = [...this.#readers.values()];
    const findings = { folder: this.#folder, segments, readers, nextId, present: this.#present };
    const trust = { toldFrom: this.#toldFrom, mustCount: this.#mustCount };
    const { lostIds, isCorrected } = reconcile({ ...findings, ...trust }, this.#logger);
    const states = readers.map((reader) => ({
      ...reader,
      // Where damage was met, what was written down of lost bytes is only about right.
      bytes: reader.items === 0 ? 0 : Math.max(0, reader.bytes),
      done: [...reader.done],
    }));
    const numbers = this.#files.map((file) => findSegmentName(path.basename(file))!.number);
    return {
      segments,
      cutSegments: this.#cutSegments,
      readers: states,
      nextId,
      isStateTold: !isCorrected && (replayed.findLast((scan) => !scan.isEmpty)?.hasState ?? true),
      lostIds,
      // Not only above the newest's: where what a recovery began is older than what it removed, another may have more.
      nextSegmentNumber: numbers.reduce((highest, number) => Math.max(highest, number), 0) + 1,
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
    const next = this.#files[position + 1];
    const endId =
      next === undefined ? Number.POSITIVE_INFINITY : findSegmentName(path.basename(next))!.firstId;
    // One that tells of ids behind its segment was right before their items were lost, and others got their ids. For
    // a chunk that the file has no place for, nobody is to make room in memory.
    const isOutside = found?.index.chunks.some(({ offset, size }) => offset + size > found.offset);
    if (found === undefined || found.index.nextId > endId || isOutside) {
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

  /** An older segment without an index: what it says of readers is in the newer ones' states already. Null: empty. */
  #readOlder(position: number): PlacedSegment | null {
    const scan = SegmentScan.read(this.#disk, this.#files[position]!);
    if (!scan.isEmpty) return this.#replay(scan, position, () => {});
    // Or one that was removed for that, and is back after a power loss: the one before it went on in its place.
    this.#mustCount = true;
    this.#removeLeftover(scan);
    return null;
  }

  #replay(scan: SegmentScan, position: number, apply: (record: LogRecord) => void): PlacedSegment {
    const { segment } = scan;
    for (const record of scan.records()) apply(record);
    const isLast = position === this.#files.length - 1;
    if (scan.damage.length > 0 || (scan.tornTail !== undefined && !isLast)) this.#mustCount = true;
    if (scan.hasDoubles) this.#mustCount = true;
    if (scan.mend(this.#disk, this.#logger)) this.#cutSegments.push(segment);
    // Nobody knows whether it is on the medium.
    if (!segment.isClosed) segment.unsyncedHead = scan.head;
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
    // One of that name was removed before, whether its record can be read or not.
    for (const known of this.#readers.values()) if (known.name === name) this.#readers.delete(known.number);
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
          // What is finished already is there twice, whole frames perhaps.
          if (record.ranges.every(([from, to]) => reader.done.covers(from, to))) this.#mustCount = true;
          for (const [from, to] of record.ranges) reader.done.addRange(from, to);
          reader.items -= record.items;
          reader.bytes -= record.bytes;
        }
        return;
    }
  }
}
