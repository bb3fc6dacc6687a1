/**
 * Frames: what one turn of the event loop appends to a log, checked as a whole.
 *
 *      0        1        2                 4                 8                 12
 *     +--------+--------+-----------------+-----------------+-----------------+---------------- - -
 *     | 0x4b   | head 12| magic 0x7e4c    | payload bytes   | CRC32           | records ...
 *     +--------+--------+-----------------+-----------------+-----------------+---------------- - -
 *
 * Little-endian. The CRC runs over the payload; it starts from the payload's size and the segment's seed, so a
 * frame that has come from another file, or whose size was damaged, does not check. The first two bytes have the
 * shape of a record's, so a reader that walks records steps over a frame's head like over any record.
 */
import { crc32 } from "node:zlib";
import { viewOf } from "./bytes.ts";

export const frameType = 0x4b;
export const frameHeadSize = 12;
const magic = 0x7e4c;
/** For so many bytes that are searched for a frame so many are checked, four times as many as the largest item has. */
const searchBytes = 1024 * 1024;
const checkBytesMax = 256 * 1024 * 1024;
/** The first four bytes of every frame, to find the next one behind damage. */
const mark: Buffer = Buffer.from([frameType, frameHeadSize, magic & 0xff, magic >>> 8]);

/** What the CRCs of a segment start from: frames of another segment do not check in this one. */
export function segmentSeed(fileName: string): number {
  return crc32(fileName);
}

/**
 * Writes a frame without records at `start`: the end of the content. Of what lies behind, in a file that was another
 * segment's before, nothing counts. Returns where it ends.
 */
export function markEnd(buffer: Buffer, view: DataView, start: number, seed: number): number {
  sealFrame(buffer, view, start, start + frameHeadSize, seed);
  return start + frameHeadSize;
}

export function encodeEndMark(seed: number): Buffer {
  const endMark = Buffer.alloc(frameHeadSize);
  markEnd(endMark, viewOf(endMark), 0, seed);
  return endMark;
}

/** Completes the frame whose head was left free at `start` and whose payload ends at `end`. */
export function sealFrame(buffer: Buffer, view: DataView, start: number, end: number, seed: number): void {
  const payloadSize = end - start - frameHeadSize;
  view.setUint8(start, frameType);
  view.setUint8(start + 1, frameHeadSize);
  view.setUint16(start + 2, magic, true);
  view.setUint32(start + 4, payloadSize, true);
  view.setUint32(start + 8, payloadCrc(buffer, start, payloadSize, seed), true);
}

function payloadCrc(buffer: Buffer, start: number, payloadSize: number, seed: number): number {
  const from = start + frameHeadSize;
  return crc32(buffer.subarray(from, from + payloadSize), (seed ^ payloadSize) >>> 0);
}

/** Size in bytes of the frame at `start`, head included; 0 when no whole frame that checks lies there. */
export function findFrameSize(buffer: Buffer, start: number, end: number, seed: number): number {
  const payloadSize = announcedPayload(buffer, start, end);
  if (payloadSize < 0 || payloadCrc(buffer, start, payloadSize, seed) !== buffer.readUInt32LE(start + 8))
    return 0;
  return frameHeadSize + payloadSize;
}

/** The payload's size by the head at `start`; -1 when there is no head, or the frame would pass `end`. */
function announcedPayload(buffer: Buffer, start: number, end: number): number {
  if (end - start < frameHeadSize) return -1;
  if (buffer[start] !== frameType || buffer[start + 1] !== frameHeadSize) return -1;
  if (buffer.readUInt16LE(start + 2) !== magic) return -1;
  const payloadSize = buffer.readUInt32LE(start + 4);
  return payloadSize <= end - start - frameHeadSize ? payloadSize : -1;
}

/** The payloads of the frames in `[start, end)`, which are sound. */
export function* sealedFrames(
  view: DataView,
  start: number,
  end: number,
): Generator<[from: number, to: number]> {
  let at = start;
  while (at < end) {
    const next = at + frameHeadSize + view.getUint32(at + 4, true);
    yield [at + frameHeadSize, next];
    at = next;
  }
}

/** A stretch of bytes: frames that check, or damage. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly isSound: boolean;
}

/**
 * Splits `buffer[start, end)` into stretches of sound frames and of damage. Behind damage it goes on at the next
 * frame that checks: first where the broken frame says that it ends, since an item may hold bytes that look like
 * a frame, then wherever a frame's first bytes stand.
 *
 * Where `mayEndBefore`, as in a segment that was not closed, it ends at an end mark; but not where damage has led to it
 * and sound frames follow, since then an item may have held it. Elsewhere an end mark is damage: what should have been
 * written over it, and over the old bytes behind it, is lost.
 */
export function splitStretches(
  buffer: Buffer,
  start: number,
  end: number,
  seed: number,
  mayEndBefore = false,
): Stretch[] {
  const stretches: Stretch[] = [];
  let soundStart = start;
  let at = start;
  while (at < end) {
    const size = findFrameSize(buffer, at, end, seed);
    if (size > frameHeadSize) {
      at += size;
      continue;
    }
    const isEndMark = size > 0;
    if (isEndMark && mayEndBefore && stretches.length === 0) break;
    // From one end mark to the next there would be as many steps as an item holds of them, each as long as all the rest.
    const resume = findNextFrame(buffer, at, end, seed, isEndMark);
    if (isEndMark && mayEndBefore && resume === end) break;
    if (at > soundStart) stretches.push({ start: soundStart, end: at, isSound: true });
    stretches.push({ start: at, end: resume, isSound: false });
    soundStart = at = resume;
  }
  if (at > soundStart) stretches.push({ start: soundStart, end: at, isSound: true });
  return stretches;
}

/**
 * Where the first sound frame after a broken one at `broken` starts; `end` if there is none. An item may be full of what
 * looks like frames' heads, so that checking all that they announce would take hours: for each megabyte that is searched
 * a bounded amount is checked, and what is announced beyond that counts as damage. `hasRecords`: end marks don't count.
 */
function findNextFrame(
  buffer: Buffer,
  broken: number,
  end: number,
  seed: number,
  hasRecords: boolean,
): number {
  const sizeMin = hasRecords ? frameHeadSize + 1 : frameHeadSize;
  const payloadSize = announcedPayload(buffer, broken, end);
  if (payloadSize >= 0) {
    const next = broken + frameHeadSize + payloadSize;
    if (next < end && findFrameSize(buffer, next, end, seed) >= sizeMin) return next;
  }
  let uncheckedFrom = broken;
  let checkBytesLeft = checkBytesMax;
  for (let at = broken + 1; ; at++) {
    at = buffer.indexOf(mark, at);
    if (at < 0 || at >= end) return end;
    if (at - uncheckedFrom >= searchBytes) {
      uncheckedFrom = at;
      checkBytesLeft = checkBytesMax;
    }
    checkBytesLeft -= Math.max(0, announcedPayload(buffer, at, end));
    if (checkBytesLeft >= 0 && findFrameSize(buffer, at, end, seed) >= sizeMin) return at;
  }
}
