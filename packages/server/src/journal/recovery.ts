/**
 * Reads a log's folder after a start. Only the segments from the last sound readers' state on are read whole, so
 * the time does not depend on the backlog. A torn tail is cut; damage in the middle is reported, set aside, and
 * all behind it kept.
 */
import path from "node:path";
import type { Disk, DiskFile } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { viewOf } from "./bytes.ts";
import { chunkSizeMax } from "./chunk.ts";
import { frameHeadSize, splitStretches } from "./frame.ts";
import { IdRanges } from "./id-ranges.ts";
import { type ChunkPlace, decodeRecords, isFor, type LogRecord, type ReaderState } from "./record.ts";
import { findIndex, findSegmentName, Segment, segmentMagic } from "./segment.ts";

export interface RecoveredLog {
  readonly segments: readonly { segment: Segment; places: readonly ChunkPlace[] }[];
  readonly readers: readonly ReaderState[];
  readonly nextId: number;
  readonly nextSegmentNumber: number;
  readonly nextReaderNumber: number;
  /** 0 when no segment tells. */
  readonly createdMs: number;
}

/** A reader while its records are replayed. */
interface ReplayedReader {
  readonly number: number;
  readonly name: string;
  items: number;
  bytes: number;
  readonly done: IdRanges;
}

/** What reading one segment whole has shown. */
interface ScannedSegment {
  readonly segment: Segment;
  readonly places: ChunkPlace[];
  readonly records: LogRecord[];
  /** It starts with a segment record and the readers' states, as it should. */
  readonly hasState: boolean;
  readonly isDamaged: boolean;
}

/** Reads the log in `folder`. Throws the system's error when a file cannot be read or cut. */
export function recoverLog(folder: string, disk: Disk, logger: Logger): RecoveredLog {
  const names = disk.list(folder).filter((name) => findSegmentName(name) !== undefined);
  const recovery = new Recovery(folder, disk, logger, names);
  return recovery.run();
}

class Recovery {
  readonly #folder: string;
  readonly #disk: Disk;
  readonly #logger: Logger;
  readonly #names: readonly string[];
  readonly #readers: Map<number, ReplayedReader> = new Map();
  #createdMs = 0;
  #nextReaderNumber = 1;

  constructor(folder: string, disk: Disk, logger: Logger, names: readonly string[]) {
    this.#folder = folder;
    this.#disk = disk;
    this.#logger = logger;
    this.#names = names;
  }

  run(): RecoveredLog {
    // Back from the newest to the first one that tells the readers' state; all from there on is replayed.
    const replayed: ScannedSegment[] = [];
    let older = this.#names.length;
    while (older > 0) {
      const scanned = this.#scan(--older);
      replayed.unshift(scanned);
      if (scanned.hasState) break;
    }
    const before: ScannedSegment[] = [];
    for (let index = 0; index < older; index++) before.push(this.#readIndex(index) ?? this.#scan(index));
    const hasState = replayed[0]?.hasState ?? true;
    if (!hasState) {
      this.#logger.error({ folder: this.#folder }, "no readers' state is left: all items count as unread");
    }
    if (!hasState || this.#names.length === 0) this.#addReader(0, "", replayed[0]?.segment.firstId ?? 1);
    for (const { records } of replayed) for (const record of records) this.#apply(record);

    const all = [...before, ...replayed].filter((scanned) => !this.#isEmptyLeftover(scanned, replayed));
    if (all.some((scanned) => scanned.isDamaged) || !hasState) this.#recount(all);
    const last = all[all.length - 1]?.segment;
    for (const { segment } of all) segment.isClosed ||= segment !== last;
    const lastName = this.#names[this.#names.length - 1];
    return {
      segments: all,
      readers: [...this.#readers.values()].map((reader) => ({ ...reader, done: [...reader.done] })),
      nextId: Math.max(1, ...all.map(({ segment }) => segment.nextId), ...this.#doneEnds()),
      nextSegmentNumber: lastName === undefined ? 1 : findSegmentName(lastName)!.number + 1,
      nextReaderNumber: this.#nextReaderNumber,
      createdMs: this.#createdMs,
    };
  }

  /** An id that was ever finished is never given to another item. */
  #doneEnds(): number[] {
    return [...this.#readers.values()].map((reader) => reader.done.end);
  }

  /** A file that a crash left before anything whole was in it. */
  #isEmptyLeftover(scanned: ScannedSegment, replayed: readonly ScannedSegment[]): boolean {
    if (scanned.places.length > 0 || scanned.hasState || !replayed.includes(scanned)) return false;
    const { file } = scanned.segment;
    file!.close();
    this.#disk.removeFile(file!.path).catch((error: unknown) => {
      this.#logger.warn({ err: error, file: file!.path }, "cannot remove an empty segment");
    });
    return true;
  }

  /** A closed segment by its index alone; undefined when that is missing or does not check. */
  #readIndex(position: number): ScannedSegment | undefined {
    const { file, segment } = this.#openSegment(this.#names[position]!);
    const found = findIndex(file, segment.seed);
    if (found === undefined) {
      file.close();
      return undefined;
    }
    const { index } = found;
    segment.nextId = index.nextId;
    segment.items = index.items;
    segment.bytes = index.bytes;
    segment.isClosed = true;
    return { segment, places: [...index.chunks], records: [], hasState: true, isDamaged: false };
  }

  #openSegment(name: string): { file: DiskFile; segment: Segment } {
    const file = this.#disk.open(path.join(this.#folder, name));
    const { firstId, number } = findSegmentName(name)!;
    return { file, segment: new Segment(file, name, number, firstId, file.size()) };
  }

  /** Reads a segment whole; the torn tail of one that was not closed is cut off. */
  #scan(position: number): ScannedSegment {
    const { file, segment } = this.#openSegment(this.#names[position]!);
    const found = findIndex(file, segment.seed);
    segment.isClosed = found !== undefined;
    const end = found?.offset ?? segment.size;
    const buffer = Buffer.allocUnsafeSlow(end);
    file.readNow(buffer, 0, end, 0);
    const view = viewOf(buffer);
    const scanned = { segment, places: [] as ChunkPlace[], records: [] as LogRecord[], hasState: false };
    let isDamaged = !buffer.subarray(0, segmentMagic.length).equals(segmentMagic);
    const damage: { start: number; end: number; nextId: number }[] = [];
    const present = new IdRanges();
    for (const stretch of splitStretches(buffer, Math.min(end, segmentMagic.length), end, segment.seed)) {
      if (stretch.isSound) this.#readStretch(scanned, buffer, view, stretch.start, stretch.end, present);
      else damage.push({ ...stretch, nextId: segment.nextId });
    }
    const last = damage[damage.length - 1];
    if (last !== undefined && last.end === end && !segment.isClosed) {
      damage.pop();
      this.#cutTail(file, segment, buffer, last.start, end);
    }
    for (const { start, end: damageEnd, nextId } of damage) {
      isDamaged = true;
      const aside = setAside(this.#disk, file.path, start, buffer.subarray(start, damageEnd), this.#logger);
      const fields = {
        file: file.path,
        offset: start,
        size: damageEnd - start,
        lostIds: gapAfter(present, nextId),
        aside,
      };
      this.#logger.error(fields, "damage in the journal");
    }
    // Ids that no reader will ever meet must not keep the segment alive.
    const nextName = this.#names[position + 1];
    const nextId =
      nextName === undefined ? segment.nextId : Math.max(segment.nextId, findSegmentName(nextName)!.firstId);
    for (let from = segment.firstId; from < nextId; ) {
      const missing = present.firstMissing(from);
      if (missing >= nextId) break;
      const to = gapAfter(present, missing)[0]?.[1] ?? nextId;
      scanned.records.push(lostRecord(missing, to));
      isDamaged = true;
      from = to;
    }
    segment.nextId = nextId;
    return { ...scanned, isDamaged };
  }

  #readStretch(
    scanned: { segment: Segment; places: ChunkPlace[]; records: LogRecord[]; hasState: boolean },
    buffer: Buffer,
    view: DataView,
    start: number,
    end: number,
    present: IdRanges,
  ): void {
    const { segment, places, records } = scanned;
    let place = { offset: start, size: 0, firstId: segment.nextId };
    let at = start;
    while (at < end) {
      const frameEnd = at + frameHeadSize + view.getUint32(at + 4, true);
      let isContent = true;
      for (const { record } of decodeRecords(buffer, view, at + frameHeadSize, frameEnd)) {
        if (record.type === "segment") {
          scanned.hasState = at === segmentMagic.length;
          isContent = false;
        } else if (record.type === "index") {
          isContent = false;
        } else if (record.type === "put") {
          segment.nextId = record.id + 1;
          segment.items++;
          segment.bytes += record.dataEnd - record.dataStart;
          present.add(record.id);
        }
        records.push(record);
      }
      at = frameEnd;
      if (isContent) place.size = at - place.offset;
      if (!isContent || place.size >= chunkSizeMax || at === end) {
        if (place.size > 0) places.push(place);
        place = { offset: at, size: 0, firstId: segment.nextId };
      }
    }
  }

  /** The last write before a crash may be there in part: nobody was told that it was kept. */
  #cutTail(file: DiskFile, segment: Segment, buffer: Buffer, soundEnd: number, end: number): void {
    const aside = setAside(this.#disk, file.path, soundEnd, buffer.subarray(soundEnd, end), this.#logger);
    const firstLostId = segment.nextId;
    this.#logger.warn(
      { file: file.path, offset: soundEnd, size: end - soundEnd, firstLostId, aside },
      "the journal's tail is torn; cut",
    );
    file.truncate(soundEnd);
    segment.size = soundEnd;
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
      case "done": {
        if (record.reader === lostReader) {
          for (const reader of this.#readers.values()) addRanges(reader.done, record.ranges);
          return;
        }
        const reader = this.#readers.get(record.reader);
        if (reader === undefined) return;
        addRanges(reader.done, record.ranges);
        reader.items -= record.items;
        reader.bytes -= record.bytes;
        return;
      }
    }
  }

  /** After damage the counters cannot be trusted: every segment is read, and what is left is counted. */
  #recount(all: readonly ScannedSegment[]): void {
    for (const reader of this.#readers.values()) {
      reader.items = 0;
      reader.bytes = 0;
    }
    for (const scanned of all) {
      const { file, seed } = scanned.segment;
      for (const place of scanned.places) {
        const buffer = Buffer.allocUnsafeSlow(place.size);
        file!.readNow(buffer, 0, place.size, place.offset);
        const view = viewOf(buffer);
        for (const stretch of splitStretches(buffer, 0, place.size, seed)) {
          if (stretch.isSound) this.#countStretch(buffer, view, stretch.start, stretch.end);
        }
      }
    }
  }

  #countStretch(buffer: Buffer, view: DataView, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const frameEnd = at + frameHeadSize + view.getUint32(at + 4, true);
      for (const { record } of decodeRecords(buffer, view, at + frameHeadSize, frameEnd)) {
        if (record.type !== "put") continue;
        for (const reader of this.#readers.values()) {
          if (!isFor(record.reader, reader) || reader.done.has(record.id)) continue;
          reader.items++;
          reader.bytes += record.dataEnd - record.dataStart;
        }
      }
      at = frameEnd;
    }
  }
}

/** Stands for every reader in the done records that recovery makes for lost ids. */
const lostReader = 0xffff;

function lostRecord(from: number, to: number): LogRecord {
  return { type: "done", reader: lostReader, items: 0, bytes: 0, ranges: [[from, to]] };
}

function addRanges(done: IdRanges, ranges: readonly (readonly [number, number])[]): void {
  for (const [from, to] of ranges) done.addRange(from, to);
}

/** The ids that are missing from `from` on, up to the next one present: what damage there has taken. */
function gapAfter(present: IdRanges, from: number): [from: number, to: number][] {
  for (const [first, next] of present) {
    if (next <= from) continue;
    return first > from ? [[from, first]] : [];
  }
  return [];
}

/** Copies damaged bytes into a file beside the segment; gives its name, or null when that failed too. */
export function setAside(
  disk: Disk,
  segmentPath: string,
  offset: number,
  bytes: Buffer,
  logger: Logger,
): string | null {
  const name = `${segmentPath}.${offset}.damaged`;
  try {
    const file = disk.create(name);
    file.write(bytes, 0, bytes.length, 0);
    file.close();
    return name;
  } catch (error) {
    logger.warn({ err: error, file: name }, "cannot set damaged bytes aside");
    return null;
  }
}
