/**
 * Checks a log without changing it: every CRC, the indexes against what the segments hold, and what a start would
 * keep. For that the real recovery runs, on a disk whose changes stay in memory, and every chunk is then read as a
 * reader would come to it; so what is told here is what happens. Holds one segment at a time, as recovery does.
 */
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { findMissingIds } from "../journal/damage.ts";
import { spareSuffix } from "../journal/finished-files.ts";
import { type Stretch, segmentSeed, splitStretches } from "../journal/frame.ts";
import { IdRanges, lengthOf } from "../journal/id-ranges.ts";
import type { ChunkPlace } from "../journal/record.ts";
import { type RecoveredLog, recoverLog } from "../journal/recovery.ts";
import { findIndex, findSegmentName, segmentMagic } from "../journal/segment.ts";
import { silentLogger } from "../logging.ts";
import { type FileSource, fileOf, NodeFiles, readWhole, sizeOf } from "./file-source.ts";
import { findIndexProblem, putsIn } from "./index-check.ts";
import { FaultList, type LogReport, type ReaderReport } from "./log-report.ts";
import { OverlayDisk } from "./overlay-disk.ts";

export interface VerifyOptions {
  /** Where the files are; the file system of this machine unless set. */
  readonly source?: FileSource;
  /** Called with the bytes that were checked since the last call. */
  readonly onProgress?: (bytes: number) => void;
  /** Ends it between two segments, with an AbortError. */
  readonly signal?: AbortSignal;
}

/** How often it begins anew when files vanish under its hands, as those of a running server do. */
const attemptsMax = 5;

/**
 * Checks the log in `folder`. A file that cannot be read is a fault of the report. Rejects when it is aborted, and
 * with the system's error when there is no such folder.
 */
export async function verifyLog(folder: string, options: VerifyOptions = {}): Promise<LogReport> {
  const { source = new NodeFiles() } = options;
  source.list(folder);
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Verification(folder, source, options).run();
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (typeof code !== "string" || code === "ABORT_ERR") throw error;
      if (code === "ENOENT" && attempt < attemptsMax) continue;
      return unreadable(folder, message);
    }
  }
}

function unreadable(folder: string, message: string): LogReport {
  const faults = new FaultList();
  faults.add({ path: folder, offset: 0, size: 0, kind: "unreadable", reason: `cannot be read: ${message}` });
  const nothing = { readers: [], unsoundBytes: 0, segmentLength: 0, size: 0 };
  return { folder, faults: faults.kept, faultLength: 1, isSound: false, ...nothing };
}

/** A reader while its items are counted. */
interface Tally {
  readonly number: number;
  readonly name: string;
  readonly done: IdRanges;
  readonly lost: IdRanges;
  items: number;
  bytes: number;
}

class Verification {
  readonly #folder: string;
  readonly #source: FileSource;
  readonly #options: VerifyOptions;
  readonly #faults: FaultList = new FaultList();
  #unsoundBytes = 0;
  #size = 0;
  /** A reader would come upon damage that recovery has not seen. */
  #isHiddenDamage = false;

  constructor(folder: string, source: FileSource, options: VerifyOptions) {
    this.#folder = folder;
    this.#source = source;
    this.#options = options;
  }

  async run(): Promise<LogReport> {
    const overlay = new OverlayDisk(this.#source);
    const recovered = recoverLog(this.#folder, overlay, silentLogger);
    for (const file of overlay.removed) if (!file.endsWith(spareSuffix)) this.#checkRemoved(file);
    const tallies: Tally[] = recovered.readers.map(({ number, name, done }) => {
      const lost = IdRanges.of(recovered.lostIds.get(number) ?? []);
      return { number, name, done: IdRanges.of(done), lost, items: 0, bytes: 0 };
    });
    const nextIds = idsBehindChunks(recovered);
    for (const { segment, places } of recovered.segments) {
      this.#options.signal?.throwIfAborted();
      const { path: file } = segment.file!;
      const bytes = readWhole(this.#source, file);
      this.#checkSegment(file, bytes, segment === recovered.segments.at(-1)!.segment);
      for (const place of places) this.#readChunk(bytes, place, nextIds.get(place)!, segment.seed, tallies);
      this.#options.onProgress?.(bytes.length);
      await setImmediate();
    }
    this.#checkMissing(recovered);
    this.#checkNumbers(recovered, tallies);
    return this.#report(tallies, recovered.segments.length);
  }

  /** Everything in a segment that does not check. */
  #checkSegment(file: string, bytes: Buffer, isNewest: boolean): void {
    const name = path.basename(file);
    const { firstId } = findSegmentName(name)!;
    const seed = segmentSeed(name);
    const start = Math.min(segmentMagic.length, bytes.length);
    const found = findIndex(fileOf(bytes), seed);
    const end = found?.offset ?? bytes.length;
    this.#size += bytes.length;
    if (!bytes.subarray(0, start).equals(segmentMagic.subarray(0, start)))
      this.#addUnsound(file, 0, start, "damaged", "does not begin as a segment does");
    const stretches = splitStretches(bytes, start, end, seed, found === undefined);
    for (const [index, stretch] of stretches.entries()) {
      if (stretch.isSound) continue;
      const size = stretch.end - stretch.start;
      const isTorn = isNewest && found === undefined && index === stretches.length - 1;
      const isBehindAll = isNewest && putsIn(bytes, stretches.slice(index + 1)).next().done === true;
      const further = isBehindAll
        ? `; items from ${idBehind(bytes, stretches, firstId)} on may have been there`
        : "";
      const words = isTorn ? `its last ${size} bytes do not check` : `${size} bytes do not check`;
      this.#addUnsound(file, stretch.start, size, isTorn ? "torn" : "damaged", `${words}${further}`);
    }
    if (found === undefined && !isNewest) {
      const reason = "has no index; a start reads it whole";
      this.#faults.add({ path: file, offset: bytes.length, size: 0, kind: "unindexed", reason });
    }
    if (found === undefined || stretches.some((stretch) => !stretch.isSound)) return;
    const problem = findIndexProblem({ bytes, start, end, seed, firstId, index: found.index });
    if (problem !== undefined)
      this.#faults.add({ path: file, offset: end, size: 0, kind: "contradiction", reason: problem });
  }

  #addUnsound(path: string, offset: number, size: number, kind: "torn" | "damaged", reason: string): void {
    this.#unsoundBytes += size;
    this.#faults.add({ path, offset, size, kind, reason });
  }

  /** What a start would remove. */
  #checkRemoved(file: string): void {
    const size = sizeOf(this.#source, file);
    const isSegment = findSegmentName(path.basename(file)) !== undefined;
    if (isSegment && readWhole(this.#source, file).some((byte) => byte !== 0))
      this.#addUnsound(file, 0, size, "torn", `nothing in its ${size} bytes checks`);
    else this.#faults.add({ path: file, offset: 0, size, kind: "leftover", reason: "holds nothing" });
  }

  /** Counts what a reader would find in a chunk that it reads back from the file. */
  #readChunk(
    segment: Buffer,
    { offset, size, firstId }: ChunkPlace,
    nextId: number,
    seed: number,
    tallies: readonly Tally[],
  ): void {
    const bytes = segment.subarray(offset, offset + size);
    const stretches = splitStretches(bytes, 0, bytes.length, seed);
    if (stretches.some((stretch) => !stretch.isSound)) {
      this.#isHiddenDamage = true;
      const missing = findMissingIds(bytes, stretches, firstId, nextId);
      for (const { done, lost } of tallies)
        for (const [from, to] of missing) for (const [a, b] of done.gaps(from, to)) lost.addRange(a, b);
    }
    for (const put of putsIn(bytes, stretches)) {
      for (const tally of tallies) {
        // As a reader does: what is not for it counts as done.
        if (tally.done.has(put.id)) continue;
        tally.items++;
        tally.bytes += put.dataSize;
      }
    }
  }

  /** Lost items that no damage explains: those of a file that is gone. */
  #checkMissing(recovered: RecoveredLog): void {
    const covered = IdRanges.of(
      recovered.segments.map(({ segment }) => [segment.firstId, segment.nextId] as const),
    );
    for (const { number, name } of recovered.readers) {
      const ids = recovered.lostIds.get(number) ?? [];
      const missing = this.#unsoundBytes === 0 ? ids : ids.flatMap(([from, to]) => covered.gaps(from, to));
      if (missing.length === 0) continue;
      const reason = `${lengthOf(missing)} items of ${this.#nameOf(name)} are in no file`;
      this.#faults.add({ path: this.#folder, offset: 0, size: 0, kind: "missing", reason });
    }
  }

  /** The numbers that recovery goes by, and what is there. */
  #checkNumbers(recovered: RecoveredLog, tallies: readonly Tally[]): void {
    if (this.#isHiddenDamage) return;
    for (const [index, { items }] of recovered.readers.entries()) {
      const tally = tallies[index]!;
      if (items === tally.items) continue;
      const reason = `tells of ${items} items for ${this.#nameOf(tally.name)}, and has ${tally.items}`;
      this.#faults.add({ path: this.#folder, offset: 0, size: 0, kind: "contradiction", reason });
    }
  }

  #nameOf(readerName: string): string {
    const parent = path.basename(this.#folder);
    return readerName === "" ? parent : `${parent}+${readerName}`;
  }

  #report(tallies: readonly Tally[], segmentLength: number): LogReport {
    const sorted = [...tallies].sort((a, b) => Number(a.name !== "") - Number(b.name !== ""));
    const readers = sorted.map(({ name, items, bytes, lost }): ReaderReport => {
      const lostIds = [...lost];
      return { name: this.#nameOf(name), items, bytes, lostIds, lostItems: lengthOf(lostIds) };
    });
    return {
      folder: this.#folder,
      readers,
      faults: this.#faults.kept,
      faultLength: this.#faults.length,
      unsoundBytes: this.#unsoundBytes,
      segmentLength,
      size: this.#size,
      isSound: this.#faults.isHarmless && readers.every(({ lostItems }) => lostItems === 0),
    };
  }
}

/** The first id behind each chunk: with it begins the next one, in this segment or the next. */
function idsBehindChunks({ segments, nextId }: RecoveredLog): Map<ChunkPlace, number> {
  const nextIds = new Map<ChunkPlace, number>();
  let behind = nextId;
  for (const { segment, places } of [...segments].reverse()) {
    for (const place of [...places].reverse()) {
      nextIds.set(place, behind);
      behind = place.firstId;
    }
    if (places.length === 0) behind = segment.firstId;
  }
  return nextIds;
}

/** One past the last item in a segment, as far as can be read. */
function idBehind(bytes: Buffer, stretches: readonly Stretch[], firstId: number): number {
  let nextId = firstId;
  for (const { id } of putsIn(bytes, stretches)) nextId = id + 1;
  return nextId;
}
