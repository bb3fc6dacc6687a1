/**
 * Records: what frames carry. Little-endian; every record starts with the same eight bytes, so a reader can step
 * over what it does not know, and a head may grow:
 *
 *      0        1        2                 4                 8
 *     +--------+--------+-----------------+-----------------+---------------- - - ------------- - -
 *     | type   | head   | reader          | body bytes      | the rest of the head | body
 *     +--------+--------+-----------------+-----------------+---------------- - - ------------- - -
 *
 *     put 1            8 id u64, 16 add time u64 ms, 24 flags u32, [28 expiry u64 ms]; body: the data.
 *                      `reader`: for whom (everyone, or one reader's number plus one). Head 28, or 36 with expiry.
 *     done 2           8 items u32, 12 bytes u64; body: ranges of 12 bytes each: first id u64, length u32.
 *     reader added 3   8 first id u64 (all before count as done); body: its name.
 *     reader removed 4
 *     reader state 5   8 items u64, 16 bytes u64; body: name length u16, name, then ranges of 16 bytes each:
 *                      first id u64, end id u64. Only at the start of a segment.
 *     returned 6       kept free: (reader, id, deliveries).
 *     segment 7        8 first id u64, 16 created u64 ms; body: the queue's name. The first record of a segment.
 *                      `reader`: 1 when it was rewritten; then the states that follow count no items and no bytes.
 *     index 8          8 items u64, 16 bytes u64, 24 first id u64, 32 next id u64; body: the chunks, 24 bytes
 *                      each: offset u64, bytes u64, first id u64. The last record of a closed segment.
 */
import { readU64, writeU64 } from "./bytes.ts";

export const recordType = {
  put: 1,
  done: 2,
  readerAdded: 3,
  readerRemoved: 4,
  readerState: 5,
  returned: 6,
  segment: 7,
  index: 8,
} as const;

export const putHeadSize = 28;
export const putHeadSizeWithExpiry = 36;
export const doneHeadSize = 20;
export const doneRangeSize = 12;
const readerAddedHeadSize = 16;
const readerRemovedHeadSize = 8;
const readerStateHeadSize = 24;
const readerStateRangeSize = 16;
const segmentHeadSize = 24;
const indexHeadSize = 40;
const indexChunkSize = 24;

/** `reader` of a put that is for every reader of the log. */
export const forEveryone = 0;
/** `reader` of a put that is for the fanouts alone (a `fanoutOnly` queue). */
export const forFanouts = 0xffff;
/** Reader numbers stay below, so that number plus one is neither of the above. */
export const readerNumberMax = 0xfffd;

/** Whether a put with this `reader` field is for that reader. */
export function isFor(target: number, reader: { readonly number: number; readonly name: string }): boolean {
  return (
    target === forEveryone || target === reader.number + 1 || (target === forFanouts && reader.name !== "")
  );
}

/** The common start of a record. */
function writeHead(
  view: DataView,
  at: number,
  type: number,
  headSize: number,
  reader: number,
  bodySize: number,
): void {
  view.setUint8(at, type);
  view.setUint8(at + 1, headSize);
  view.setUint16(at + 2, reader, true);
  view.setUint32(at + 4, bodySize, true);
}

export function encodePutHead(
  view: DataView,
  at: number,
  reader: number,
  id: number,
  addTimeMs: number,
  expiryMs: number,
  flags: number,
  dataSize: number,
): void {
  const headSize = expiryMs === 0 ? putHeadSize : putHeadSizeWithExpiry;
  writeHead(view, at, recordType.put, headSize, reader, dataSize);
  writeU64(view, at + 8, id);
  writeU64(view, at + 16, addTimeMs);
  view.setUint32(at + 24, flags, true);
  if (expiryMs !== 0) writeU64(view, at + 28, expiryMs);
}

export function putExpiry(view: DataView, at: number): number {
  return view.getUint8(at + 1) >= putHeadSizeWithExpiry ? readU64(view, at + 28) : 0;
}

/** `ranges` holds first id and length in turn. */
export function encodeDone(
  view: DataView,
  at: number,
  reader: number,
  items: number,
  bytes: number,
  ranges: readonly number[],
): void {
  writeHead(view, at, recordType.done, doneHeadSize, reader, (ranges.length / 2) * doneRangeSize);
  view.setUint32(at + 8, items, true);
  writeU64(view, at + 12, bytes);
  let to = at + doneHeadSize;
  for (let index = 0; index < ranges.length; index += 2) {
    writeU64(view, to, ranges[index]!);
    view.setUint32(to + 8, ranges[index + 1]!, true);
    to += doneRangeSize;
  }
}

function newRecord(type: number, headSize: number, reader: number, bodySize: number): [Buffer, DataView] {
  const record = Buffer.alloc(headSize + bodySize);
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  writeHead(view, 0, type, headSize, reader, bodySize);
  return [record, view];
}

export function encodeReaderAdded(reader: number, firstId: number, name: string): Buffer {
  const [record, view] = newRecord(
    recordType.readerAdded,
    readerAddedHeadSize,
    reader,
    Buffer.byteLength(name),
  );
  writeU64(view, 8, firstId);
  record.write(name, readerAddedHeadSize);
  return record;
}

export function encodeReaderRemoved(reader: number): Buffer {
  return newRecord(recordType.readerRemoved, readerRemovedHeadSize, reader, 0)[0];
}

/** A reader as the log knows it: which ids are done, and how many items and bytes of data are not. */
export interface ReaderState {
  readonly number: number;
  readonly name: string;
  readonly items: number;
  readonly bytes: number;
  /** Half-open ranges of finished ids, ascending. */
  readonly done: readonly (readonly [from: number, to: number])[];
}

export function encodeReaderState(state: ReaderState): Buffer {
  const nameSize = Buffer.byteLength(state.name);
  const bodySize = 2 + nameSize + state.done.length * readerStateRangeSize;
  const [record, view] = newRecord(recordType.readerState, readerStateHeadSize, state.number, bodySize);
  writeU64(view, 8, state.items);
  writeU64(view, 16, state.bytes);
  view.setUint16(readerStateHeadSize, nameSize, true);
  record.write(state.name, readerStateHeadSize + 2);
  let at = readerStateHeadSize + 2 + nameSize;
  for (const [from, to] of state.done) {
    writeU64(view, at, from);
    writeU64(view, at + 8, to);
    at += readerStateRangeSize;
  }
  return record;
}

export function encodeSegmentStart(
  firstId: number,
  createdMs: number,
  queueName: string,
  isRewritten: boolean,
): Buffer {
  const nameSize = Buffer.byteLength(queueName);
  const [record, view] = newRecord(recordType.segment, segmentHeadSize, isRewritten ? 1 : 0, nameSize);
  writeU64(view, 8, firstId);
  writeU64(view, 16, createdMs);
  record.write(queueName, segmentHeadSize);
  return record;
}

/** Where a stretch of frames lies in its file, and the first id that can be in it. */
export interface ChunkPlace {
  readonly offset: number;
  readonly size: number;
  readonly firstId: number;
}

/** What a segment holds: `items` puts with `bytes` of data, with ids in [firstId, nextId). */
export interface SegmentIndex {
  readonly items: number;
  readonly bytes: number;
  readonly firstId: number;
  readonly nextId: number;
  readonly chunks: readonly ChunkPlace[];
}

export function encodeIndex(index: SegmentIndex): Buffer {
  const [record, view] = newRecord(recordType.index, indexHeadSize, 0, index.chunks.length * indexChunkSize);
  writeU64(view, 8, index.items);
  writeU64(view, 16, index.bytes);
  writeU64(view, 24, index.firstId);
  writeU64(view, 32, index.nextId);
  let at = indexHeadSize;
  for (const chunk of index.chunks) {
    writeU64(view, at, chunk.offset);
    writeU64(view, at + 8, chunk.size);
    writeU64(view, at + 16, chunk.firstId);
    at += indexChunkSize;
  }
  return record;
}

/** One record, decoded; puts give the place of their data, not the data. */
export type LogRecord =
  | {
      type: "put";
      reader: number;
      id: number;
      addTimeMs: number;
      expiryMs: number;
      flags: number;
      dataStart: number;
      dataEnd: number;
    }
  | { type: "done"; reader: number; items: number; bytes: number; ranges: [from: number, to: number][] }
  | { type: "readerAdded"; reader: number; firstId: number; name: string }
  | { type: "readerRemoved"; reader: number }
  | { type: "readerState"; state: ReaderState }
  | { type: "segment"; firstId: number; createdMs: number; queueName: string; isRewritten: boolean }
  | { type: "index"; index: SegmentIndex }
  | { type: "unknown"; code: number };

/**
 * Decodes the records of `buffer[start, end)`, the payload of one sound frame. Throws RangeError when a record
 * passes the end, which a frame that checks never does.
 */
export function* decodeRecords(
  buffer: Buffer,
  view: DataView,
  start: number,
  end: number,
): Generator<{ at: number; record: LogRecord }> {
  let at = start;
  while (at < end) {
    const headSize = view.getUint8(at + 1);
    const bodySize = view.getUint32(at + 4, true);
    const next = at + headSize + bodySize;
    if (headSize < 8 || next > end) throw new RangeError(`a record at ${at} passes the end of its frame`);
    yield { at, record: decodeRecord(buffer, view, at, headSize, next) };
    at = next;
  }
}

function decodeRecord(buffer: Buffer, view: DataView, at: number, headSize: number, end: number): LogRecord {
  const reader = view.getUint16(at + 2, true);
  const body = at + headSize;
  const code = view.getUint8(at);
  switch (code) {
    case recordType.put:
      return {
        type: "put",
        reader,
        id: readU64(view, at + 8),
        addTimeMs: readU64(view, at + 16),
        expiryMs: putExpiry(view, at),
        flags: view.getUint32(at + 24, true),
        dataStart: body,
        dataEnd: end,
      };
    case recordType.done: {
      const ranges: [number, number][] = [];
      for (let from = body; from < end; from += doneRangeSize) {
        const first = readU64(view, from);
        ranges.push([first, first + view.getUint32(from + 8, true)]);
      }
      const items = view.getUint32(at + 8, true);
      return { type: "done", reader, items, bytes: readU64(view, at + 12), ranges };
    }
    case recordType.readerAdded:
      return {
        type: "readerAdded",
        reader,
        firstId: readU64(view, at + 8),
        name: buffer.toString("utf8", body, end),
      };
    case recordType.readerRemoved:
      return { type: "readerRemoved", reader };
    case recordType.readerState: {
      const nameEnd = body + 2 + view.getUint16(body, true);
      const done: [number, number][] = [];
      for (let from = nameEnd; from < end; from += readerStateRangeSize) {
        done.push([readU64(view, from), readU64(view, from + 8)]);
      }
      const name = buffer.toString("utf8", body + 2, nameEnd);
      const items = readU64(view, at + 8);
      const bytes = readU64(view, at + 16);
      return { type: "readerState", state: { number: reader, name, items, bytes, done } };
    }
    case recordType.segment: {
      const queueName = buffer.toString("utf8", body, end);
      return {
        type: "segment",
        firstId: readU64(view, at + 8),
        createdMs: readU64(view, at + 16),
        queueName,
        isRewritten: reader === 1,
      };
    }
    case recordType.index: {
      const chunks: ChunkPlace[] = [];
      for (let from = body; from < end; from += indexChunkSize) {
        const size = readU64(view, from + 8);
        chunks.push({ offset: readU64(view, from), size, firstId: readU64(view, from + 16) });
      }
      const items = readU64(view, at + 8);
      const bytes = readU64(view, at + 16);
      const index = { items, bytes, firstId: readU64(view, at + 24), nextId: readU64(view, at + 32), chunks };
      return { type: "index", index };
    }
    default:
      return { type: "unknown", code };
  }
}
