/**
 * One file of a log:
 *
 *     "KESTREL3" | frame: segment record, one state record per reader | frames ... | frame: index | footer
 *
 * Index and footer are there once the segment is closed. The readers' state at the start lets recovery begin at
 * any segment; where there are fanouts it is there twice, for nothing else tells their names. The index spares
 * recovery the reading of all but the last. Files are named by the first id they can hold and by the segment's
 * number in its log, so their names sort in the order of their items. A file may have been another segment's before, and
 * hold its bytes behind an end mark until it is closed.
 *
 *     footer:  index frame's offset u64 | its size u64 | CRC32 of these 16 bytes | "KEND"
 */
import { crc32 } from "node:zlib";
import type { DiskFile } from "../disk.ts";
import { readU64, viewOf, writeU64 } from "./bytes.ts";
import type { Chunk } from "./chunk.ts";
import { encodeEndMark, findFrameSize, frameHeadSize, sealFrame, segmentSeed } from "./frame.ts";
import type { ReaderState, SegmentIndex } from "./record.ts";
import { decodeRecords, encodeIndex, encodeReaderState, encodeSegmentStart } from "./record.ts";

export const segmentMagic: Buffer = Buffer.from("KESTREL3", "latin1");
const footerMagic = Buffer.from("KEND", "latin1");
export const footerSize = 24;
/** How far ahead of the content an end mark is written, so that few writes need one. */
const markAheadBytes = 256 * 1024;
/** For as much room as is made at once. */
const zeros = Buffer.alloc(1024 * 1024);
const namePattern = /^(\d{16})-(\d{8,})\.log$/;
/** No id comes near it in a hundred years. A file that is called so is none of ours: no ids would be left behind it. */
const idsEnd = 2 ** 52;

export class Segment {
  /** Null for a log that lives in memory only. */
  file: DiskFile | null;
  readonly number: number;
  readonly seed: number;
  readonly firstId: number;
  /** One past the last id it holds. */
  nextId: number;
  /** Puts in it, and the bytes of their data. */
  items = 0;
  bytes = 0;
  /** Bytes of the file that count. */
  size: number;
  /** How many of them a sync has covered; what was there at the start counts as covered until a sync of it fails. */
  syncedSize: number;
  /** How many of them were there before this process wrote to it. */
  inheritedSize = 0;
  /** A sync has failed, and later ones say nothing of what it has dropped: bytes from `syncedSize` on are unsure. */
  isUnsure = false;
  /** Syncs of it that have failed. */
  failedSyncs = 0;
  /** What it starts with, as long as a failed sync may take it. */
  unsyncedHead: Buffer | null = null;
  /** Up to here its file holds, behind content and end mark, what it held before it was this segment's, or zeros; 0: nothing. */
  staleEnd = 0;
  /** Of that, what a write cut short by a kill may meet: here stands an end mark too, or it ends. */
  #staleMark = 0;
  /** The disk has refused room beyond the content. */
  isCramped = false;
  isClosed = false;
  /** Its file is gone, or about to go. */
  isDropped = false;
  chunks: Chunk[] = [];

  constructor(file: DiskFile | null, name: string, number: number, firstId: number, size: number) {
    this.file = file;
    this.number = number;
    this.seed = segmentSeed(name);
    this.firstId = firstId;
    this.nextId = firstId;
    this.size = size;
    this.syncedSize = size;
  }

  get firstChunk(): Chunk {
    return this.chunks[0]!;
  }

  get lastChunk(): Chunk {
    return this.chunks[this.chunks.length - 1]!;
  }

  /**
   * Before a write up to `end`: another end mark ahead of it, unless there is one, so that what a kill leaves of the write
   * does not run on into all that the file held before. Throws the system's error.
   */
  markAhead(end: number): void {
    if (end + frameHeadSize <= this.#staleMark) return;
    this.#staleMark = Math.min(this.staleEnd, end + markAheadBytes);
    if (this.#staleMark + frameHeadSize > this.staleEnd) return;
    this.file!.write(encodeEndMark(this.seed), 0, frameHeadSize, this.#staleMark);
  }

  /** Cuts off whatever is behind the content. Throws the system's error. */
  cutBehind(end: number): void {
    this.file!.truncate(end);
    this.staleEnd = 0;
  }

  /**
   * Fills its file with zeros for `size` bytes behind the content, so that the syncs of what is written over them needn't
   * write down where new blocks of the file are: they take half the time. Where the disk has no room, none is made, and
   * the segment is cramped. Throws the system's error when the disk doesn't take back what it has taken by then.
   */
  makeRoom(size: number): void {
    const mark = encodeEndMark(this.seed);
    const zerosStart = this.size + mark.length;
    const zerosSize = Math.min(size, zeros.length);
    // A used file may go on behind them.
    this.staleEnd = Math.max(this.staleEnd, zerosStart + zerosSize);
    this.#staleMark = 0;
    try {
      this.file!.write(mark, 0, mark.length, this.size);
      this.file!.write(zeros, 0, zerosSize, zerosStart);
    } catch {
      this.isCramped = true;
      this.cutBehind(this.size);
    }
  }

  /** Cuts off what its file held before. False: there is nothing of that. Throws the system's error. */
  cutStale(): boolean {
    if (this.staleEnd <= this.size) return false;
    this.cutBehind(this.size);
    return true;
  }

  /**
   * The first step of a cut that no power loss undoes: all behind the content goes, but for less than a frame. By that a
   * start knows, should this process be killed before the second step, that the cut may not be on the medium. False:
   * there is nothing to cut. Throws the system's error.
   */
  beginCut(): boolean {
    if (this.staleEnd <= this.size) return false;
    this.staleEnd = Math.min(this.staleEnd, this.size + frameHeadSize);
    this.file!.truncate(this.staleEnd);
    return true;
  }

  /**
   * The second step. Before it nothing may be written: of an end torn by a power loss, or of frames that it has left
   * behind an end mark, a second one may bring back what the next frame doesn't cover, and all frames begin alike.
   * Rejects with the system's error.
   */
  async finishCut(): Promise<void> {
    await this.file!.sync();
    this.cutStale();
  }

  index(): SegmentIndex {
    const chunks = this.chunks.map(({ offset, size, firstId }) => ({ offset, size, firstId }));
    return { items: this.items, bytes: this.bytes, firstId: this.firstId, nextId: this.nextId, chunks };
  }
}

export function segmentName(firstId: number, number: number): string {
  return `${String(firstId).padStart(16, "0")}-${String(number).padStart(8, "0")}.log`;
}

/** The number and first id in a segment's name; undefined for any other file. */
export function findSegmentName(name: string): { firstId: number; number: number } | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  const [firstId, number] = [Number(match[1]), Number(match[2])];
  return firstId < idsEnd && number < idsEnd ? { firstId, number } : undefined;
}

/** One sealed frame of whole records. */
export function encodeFrame(records: readonly Buffer[], seed: number): Buffer {
  const frame = Buffer.concat([Buffer.alloc(frameHeadSize), ...records]);
  sealFrame(frame, viewOf(frame), 0, frame.length, seed);
  return frame;
}

/** What a segment's file starts with. */
export function encodeSegmentHead(
  seed: number,
  firstId: number,
  createdMs: number,
  queueName: string,
  readers: readonly ReaderState[],
  isRewritten = false,
): Buffer {
  const start = encodeSegmentStart(firstId, createdMs, queueName, isRewritten);
  const frame = encodeFrame([start, ...readers.map(encodeReaderState)], seed);
  const isTwice = !isRewritten && readers.some(({ name }) => name !== "");
  return Buffer.concat(isTwice ? [segmentMagic, frame, frame] : [segmentMagic, frame]);
}

/** What the first frame of a segment's file says; undefined when it does not check. */
export function readHead(
  file: Pick<DiskFile, "size" | "readNow">,
  seed: number,
): { isRewritten: boolean; readers: ReaderState[] } | undefined {
  const start = segmentMagic.length;
  const sizeLeft = file.size() - start;
  if (sizeLeft < frameHeadSize) return undefined;
  const head = Buffer.alloc(frameHeadSize);
  file.readNow(head, 0, frameHeadSize, start);
  const size = frameHeadSize + head.readUInt32LE(4);
  if (size > sizeLeft) return undefined;
  const frame = Buffer.alloc(size);
  file.readNow(frame, 0, size, start);
  if (findFrameSize(frame, 0, size, seed) !== size) return undefined;
  let isRewritten = false;
  const readers: ReaderState[] = [];
  for (const { record } of decodeRecords(frame, viewOf(frame), frameHeadSize, size)) {
    if (record.type === "segment") isRewritten = record.isRewritten;
    else if (record.type === "readerState") readers.push(record.state);
  }
  return { isRewritten, readers };
}

/** What closes a segment whose bytes so far end at `offset`: the index and the footer that finds it. */
export function encodeSegmentEnd(seed: number, offset: number, index: SegmentIndex): Buffer {
  const frame = encodeFrame([encodeIndex(index)], seed);
  const footer = Buffer.alloc(footerSize);
  const view = viewOf(footer);
  writeU64(view, 0, offset);
  writeU64(view, 8, frame.length);
  view.setUint32(16, crc32(footer.subarray(0, 16)), true);
  footerMagic.copy(footer, 20);
  return Buffer.concat([frame, footer]);
}

/** The index of a closed segment, read from the end of its file; undefined when it has none that checks. */
export function findIndex(
  file: Pick<DiskFile, "size" | "readNow">,
  seed: number,
): { index: SegmentIndex; offset: number } | undefined {
  const fileSize = file.size();
  if (fileSize < segmentMagic.length + footerSize) return undefined;
  const footer = Buffer.alloc(footerSize);
  file.readNow(footer, 0, footerSize, fileSize - footerSize);
  const view = viewOf(footer);
  if (!footer.subarray(20).equals(footerMagic)) return undefined;
  if (crc32(footer.subarray(0, 16)) !== view.getUint32(16, true)) return undefined;
  const offset = readU64(view, 0);
  const size = readU64(view, 8);
  if (offset + size + footerSize !== fileSize) return undefined;
  const frame = Buffer.alloc(size);
  file.readNow(frame, 0, size, offset);
  if (findFrameSize(frame, 0, size, seed) !== size) return undefined;
  for (const { record } of decodeRecords(frame, viewOf(frame), frameHeadSize, size)) {
    if (record.type === "index") return { index: record.index, offset };
  }
  return undefined;
}
