/** Compares the index of a closed segment with what the segment holds. */
import { viewOf } from "../journal/bytes.ts";
import { type Stretch, sealedFrames, splitStretches } from "../journal/frame.ts";
import { type ChunkPlace, decodeRecords, type SegmentIndex } from "../journal/record.ts";

/** A segment of which all frames are sound; its content is `bytes[start, end)`. */
export interface IndexedSegment {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly seed: number;
  /** By its name. */
  readonly firstId: number;
  readonly index: SegmentIndex;
}

/** Says what the index has wrong, the first thing that is found; undefined when it is right. */
export function findIndexProblem(segment: IndexedSegment): string | undefined {
  const { bytes, start, end, firstId, index } = segment;
  if (index.firstId !== firstId)
    return `the index begins with item ${index.firstId}, the file's name with ${firstId}`;
  let items = 0;
  let dataBytes = 0;
  let at = start;
  for (const [number, chunk] of index.chunks.entries()) {
    if (chunk.offset < at || chunk.offset + chunk.size > end)
      return `chunk ${number} has no place in the file`;
    const nextId = index.chunks[number + 1]?.firstId ?? index.nextId;
    const stretches = stretchesOf(segment, chunk);
    if (stretches.some((stretch) => !stretch.isSound))
      return `chunk ${number} does not begin and end with a frame`;
    if (hasPuts(segment, at, chunk.offset)) return `there are items before chunk ${number} and in no other`;
    for (const { id, dataSize } of putsIn(bytes, stretches)) {
      if (id < chunk.firstId || id >= nextId)
        return `item ${id} is in chunk ${number}, where it should not be`;
      items++;
      dataBytes += dataSize;
    }
    at = chunk.offset + chunk.size;
  }
  if (hasPuts(segment, at, end)) return "there are items behind the last chunk";
  if (items !== index.items || dataBytes !== index.bytes) {
    const told = `${index.items} items of ${index.bytes} bytes`;
    return `the index tells of ${told}, the file has ${items} of ${dataBytes}`;
  }
  return undefined;
}

function stretchesOf({ bytes, seed }: IndexedSegment, { offset, size }: ChunkPlace): Stretch[] {
  return splitStretches(bytes, offset, offset + size, seed);
}

function hasPuts(segment: IndexedSegment, from: number, to: number): boolean {
  const stretches = stretchesOf(segment, { offset: from, size: to - from, firstId: 0 });
  return putsIn(segment.bytes, stretches).next().done !== true;
}

/** A put, as far as counting needs it. */
export interface FoundPut {
  readonly id: number;
  readonly dataSize: number;
}

/** The puts in the sound ones of these stretches of `bytes`. */
export function* putsIn(bytes: Buffer, stretches: readonly Stretch[]): Generator<FoundPut> {
  const view = viewOf(bytes);
  for (const { start, end, isSound } of stretches) {
    if (!isSound) continue;
    for (const [from, to] of sealedFrames(view, start, end)) {
      for (const { record } of decodeRecords(bytes, view, from, to)) {
        if (record.type !== "put") continue;
        yield { id: record.id, dataSize: record.dataEnd - record.dataStart };
      }
    }
  }
}
