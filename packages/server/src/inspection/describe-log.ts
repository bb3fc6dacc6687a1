/**
 * Tells what a log's files say: segment by segment, frame by frame, record by record, each with its place. What does
 * not check is told too, in its place. Reads only, and one segment at a time.
 */
import path from "node:path";
import { viewOf } from "../journal/bytes.ts";
import { frameHeadSize, sealedFrames, segmentSeed, splitStretches } from "../journal/frame.ts";
import {
  decodeRecords,
  forEveryone,
  forFanouts,
  type LogRecord,
  type ReaderState,
  type SegmentIndex,
} from "../journal/record.ts";
import { findIndex, findSegmentName, footerSize, segmentMagic } from "../journal/segment.ts";
import { type FileSource, fileOf, NodeFiles, readWhole, sizeOf } from "./file-source.ts";

/** One thing in a log's folder. Offsets count from the start of the file; sizes in bytes. */
export type LogEntry = { readonly path: string; readonly offset: number; readonly size: number } & (
  | {
      /** A segment's file begins; `size` is all of it. `isClosed`: it has an index. */
      readonly kind: "segment";
      readonly number: number;
      readonly firstId: number;
      readonly isClosed: boolean;
      /** False: its first bytes are not those that every segment has. */
      readonly hasMagic: boolean;
    }
  /** A frame that checks, its head among its bytes; its records follow. */
  | { readonly kind: "frame" }
  | { readonly kind: "record"; readonly record: DescribedLogRecord }
  /** Bytes that do not check, with sound ones behind them or where a closed segment should have them. */
  | { readonly kind: "damaged" }
  /** Bytes that do not check at the end of a segment that is not closed: a write cut short. */
  | { readonly kind: "torn" }
  /** An end mark, and behind it what the file held when it was another segment's. */
  | { readonly kind: "stale" }
  /** What tells where a closed segment's index is. */
  | { readonly kind: "footer" }
  /** A file that is no segment. */
  | { readonly kind: "other" }
);

/** One record of a log. Times in ms since the epoch. */
export type DescribedLogRecord =
  | {
      readonly type: "put";
      readonly id: number;
      /** The number of the one reader it is for, if it is not for all. */
      readonly audience: "everyone" | "fanouts" | number;
      readonly addTimeMs: number;
      /** 0: never. */
      readonly expiryMs: number;
      readonly flags: number;
      readonly dataSize: number;
      /** When it was asked for. */
      readonly data: Buffer | null;
    }
  /** A reader has finished these ids, as half-open ranges; `items` of them were in it, with `bytes` of data. */
  | {
      readonly type: "done";
      readonly reader: number;
      readonly items: number;
      readonly bytes: number;
      readonly ids: readonly (readonly [from: number, to: number])[];
    }
  | {
      readonly type: "reader-added";
      readonly reader: number;
      readonly name: string;
      readonly firstId: number;
    }
  | { readonly type: "reader-removed"; readonly reader: number }
  | ({ readonly type: "reader-state" } & ReaderState)
  | {
      readonly type: "segment";
      readonly queueName: string;
      readonly firstId: number;
      readonly createdMs: number;
      readonly isRewritten: boolean;
    }
  | ({ readonly type: "index" } & SegmentIndex)
  | { readonly type: "unknown"; readonly code: number };

export interface DescribeOptions {
  /** With the data of puts, each a copy. */
  readonly withData?: boolean;
  readonly source?: FileSource;
}

/** Goes through the log in `folder`, the oldest segment first. Throws the system's error when a file cannot be read. */
export async function* describeLog(folder: string, options: DescribeOptions = {}): AsyncGenerator<LogEntry> {
  const { source = new NodeFiles() } = options;
  for (const name of source.list(folder)) {
    const file = path.join(folder, name);
    if (findSegmentName(name) !== undefined) yield* describeSegment(file, options);
    else if (!source.isFolder(file))
      yield { kind: "other", path: file, offset: 0, size: sizeOf(source, file) };
  }
}

/** Goes through one segment, whose name must be that of a segment. Throws the system's error. */
export function* describeSegment(file: string, options: DescribeOptions = {}): Generator<LogEntry> {
  const { source = new NodeFiles(), withData = false } = options;
  const name = path.basename(file);
  const { firstId, number } = findSegmentName(name)!;
  const seed = segmentSeed(name);
  const bytes = readWhole(source, file);
  const isClosed = findIndex(fileOf(bytes), seed) !== undefined;
  const start = Math.min(segmentMagic.length, bytes.length);
  const hasMagic = bytes.subarray(0, start).equals(segmentMagic);
  yield { kind: "segment", path: file, offset: 0, size: bytes.length, number, firstId, isClosed, hasMagic };
  const end = isClosed ? bytes.length - footerSize : bytes.length;
  const stretches = splitStretches(bytes, start, end, seed, !isClosed);
  const contentEnd = stretches.at(-1)?.end ?? start;
  for (const stretch of stretches) {
    if (stretch.isSound) {
      yield* describeFrames(file, bytes, stretch.start, stretch.end, withData);
    } else {
      const kind = stretch.end === contentEnd && !isClosed ? "torn" : "damaged";
      yield { kind, path: file, offset: stretch.start, size: stretch.end - stretch.start };
    }
  }
  if (contentEnd < end) yield { kind: "stale", path: file, offset: contentEnd, size: end - contentEnd };
  if (isClosed) yield { kind: "footer", path: file, offset: end, size: footerSize };
}

function* describeFrames(
  file: string,
  bytes: Buffer,
  start: number,
  end: number,
  withData: boolean,
): Generator<LogEntry> {
  const view = viewOf(bytes);
  for (const [from, to] of sealedFrames(view, start, end)) {
    const offset = from - frameHeadSize;
    yield { kind: "frame", path: file, offset, size: to - offset };
    let at = from;
    try {
      for (const { at: recordAt, record } of decodeRecords(bytes, view, from, to)) {
        at = recordAt;
        const size = view.getUint8(at + 1) + view.getUint32(at + 4, true);
        yield {
          kind: "record",
          path: file,
          offset: at,
          size,
          record: describeRecord(bytes, record, withData),
        };
        at += size;
      }
    } catch (error) {
      // Its bytes are those that were written, but no version known here wrote them.
      if (!(error instanceof RangeError)) throw error;
      yield { kind: "damaged", path: file, offset: at, size: to - at };
    }
  }
}

function describeRecord(bytes: Buffer, record: LogRecord, withData: boolean): DescribedLogRecord {
  switch (record.type) {
    case "put": {
      const { id, reader, addTimeMs, expiryMs, flags, dataStart, dataEnd } = record;
      const audience = reader === forEveryone ? "everyone" : reader === forFanouts ? "fanouts" : reader - 1;
      const data = withData ? Buffer.from(bytes.subarray(dataStart, dataEnd)) : null;
      return { type: "put", id, audience, addTimeMs, expiryMs, flags, dataSize: dataEnd - dataStart, data };
    }
    case "done": {
      const { reader, items, bytes: dataBytes, ranges } = record;
      return { type: "done", reader, items, bytes: dataBytes, ids: ranges };
    }
    case "readerAdded": {
      const { reader, name, firstId } = record;
      return { type: "reader-added", reader, name, firstId };
    }
    case "readerRemoved":
      return { type: "reader-removed", reader: record.reader };
    case "readerState":
      return { type: "reader-state", ...record.state };
    case "segment": {
      const { queueName, firstId, createdMs, isRewritten } = record;
      return { type: "segment", queueName, firstId, createdMs, isRewritten };
    }
    case "index":
      return { type: "index", ...record.index };
    case "unknown":
      return { type: "unknown", code: record.code };
  }
}
