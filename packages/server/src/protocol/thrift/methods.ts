/**
 * The methods of service Kestrel (kestrel.thrift): arguments into requests. Fields that are not known are skipped,
 * and those that are missing have their defaults, as thrift wants it.
 */
import { KestrelError } from "../../errors.ts";
import type { PutManyRequest, Request } from "../../session/request.ts";
import { decodeUtf8, notUtf8 } from "../utf8.ts";
import { type BinaryReader, types } from "./binary-reader.ts";

interface ArgumentLimits {
  readonly nowMs: number;
  /** A larger item is refused, and with it those behind it. */
  readonly itemBytesMax: number;
}

export interface Method {
  readonly name: string;
  /** For those, too, who have not said yet who they are. */
  readonly isOpen?: true;
  /** Null: no queue is needed to answer. Throws KestrelError, or MalformedFrame. */
  read(reader: BinaryReader, limits: ArgumentLimits): Request | null;
}

/** Items in one put or in one answer, ids in one confirm. */
const listLengthMax = 65_536;
const queueNameBytesMax = 250;
/**
 * Enough is gathered for one answer when so many bytes are: clients take frames of 16 MB at most, unless told
 * otherwise.
 */
const gatheredBytesMax = 4 * 1024 * 1024;

/** By their numbers in kestrel.thrift. */
export const statuses: readonly string[] = ["NOT_CONFIGURED", "QUIESCENT", "READONLY", "UP"];

// A call is carried out at once, so all connections share it.
const put: PutManyRequest = {
  kind: "put-many",
  queue: "",
  source: Buffer.alloc(0),
  bounds: [],
  length: 0,
  expiryMs: 0,
  flags: 0,
  stopsAtRefusal: true,
};

/** The first one's number is 0. */
export const methods: readonly Method[] = [
  { name: "put", read: readPut },
  { name: "get", read: readGet },
  { name: "confirm", read: (reader) => readIds(reader, "confirm-lent") },
  { name: "abort", read: (reader) => readIds(reader, "abort-lent") },
  { name: "peek", read: (reader) => ({ kind: "inspect", queue: readQueue(reader) }) },
  { name: "flush_queue", read: (reader) => ({ kind: "flush", queue: readQueue(reader) }) },
  { name: "flush_all_queues", read: (reader) => readNone(reader, { kind: "flush-all" }) },
  { name: "delete_queue", read: (reader) => ({ kind: "delete", queue: readQueue(reader) }) },
  { name: "current_status", read: (reader) => readNone(reader, { kind: "status" }) },
  { name: "set_status", read: readSetStatus },
  { name: "get_version", isOpen: true, read: (reader) => readNone(reader, null) },
  { name: "get_stats", read: readGetStats },
  { name: "authenticate", isOpen: true, read: readAuthenticate },
];

function readPut(reader: BinaryReader, { nowMs, itemBytesMax }: ArgumentLimits): Request {
  put.queue = "";
  put.length = 0;
  put.bounds = [];
  put.flags = 0;
  let expirationMs = 0;
  while (reader.nextField()) {
    if (reader.isField(1, types.string)) put.queue = readName(reader);
    else if (reader.isField(2, types.list)) readItems(reader, itemBytesMax);
    else if (reader.isField(3, types.i32)) expirationMs = reader.int32();
    else if (reader.isField(5, types.i32)) put.flags = reader.int32() >>> 0;
    else reader.skipField();
  }
  put.expiryMs = expirationMs === 0 ? 0 : Math.max(1, nowMs + expirationMs);
  put.source = reader.bytes;
  return put;
}

function readItems(reader: BinaryReader, itemBytesMax: number): void {
  const { bounds } = put;
  const length = readLength(reader, types.string);
  put.length = length;
  bounds.length = 0;
  for (let i = 0; i < length; i++) {
    reader.string();
    bounds.push(reader.start, reader.end);
    if (reader.end - reader.start > itemBytesMax) put.length = Math.min(put.length, i);
  }
}

function readGet(reader: BinaryReader): Request {
  let queue = "";
  let lengthMax = 0;
  let waitMs = 0;
  let lendMs = 0;
  let endsWithSession = false;
  while (reader.nextField()) {
    if (reader.isField(1, types.string)) queue = readName(reader);
    else if (reader.isField(2, types.i32)) lengthMax = Math.min(listLengthMax, reader.int32());
    else if (reader.isField(3, types.i32)) waitMs = reader.int32();
    else if (reader.isField(4, types.i32)) lendMs = reader.int32();
    else if (reader.isField(5, types.bool)) endsWithSession = reader.bool();
    else reader.skipField();
  }
  return { kind: "gather", queue, lengthMax, bytesMax: gatheredBytesMax, waitMs, lendMs, endsWithSession };
}

/** The queue's name is of no account, as with Kestrel: an id says all. */
function readIds(reader: BinaryReader, kind: "confirm-lent" | "abort-lent"): Request {
  const ids: number[] = [];
  while (reader.nextField()) {
    // Some write a set as a list.
    if (reader.isField(2, types.set) || reader.isField(2, types.list)) {
      const length = readLength(reader, types.i64);
      ids.length = 0;
      for (let i = 0; i < length; i++) ids.push(reader.int64());
    } else {
      reader.skipField();
    }
  }
  return { kind, ids };
}

function readGetStats(reader: BinaryReader): Request {
  const queue = readQueue(reader);
  return queue === "" ? { kind: "stats" } : { kind: "dump-stats", queues: [queue] };
}

function readSetStatus(reader: BinaryReader): Request {
  let number = 0;
  while (reader.nextField()) {
    if (reader.isField(1, types.i32)) number = reader.int32();
    else reader.skipField();
  }
  return { kind: "set-status", status: statuses[number] ?? String(number) };
}

function readAuthenticate(reader: BinaryReader): Request {
  let user = "";
  let password: Buffer = Buffer.alloc(0);
  while (reader.nextField()) {
    if (reader.isField(1, types.string)) user = readText(reader).toString("utf8");
    // It is looked at when the frame is gone.
    else if (reader.isField(2, types.string)) password = Buffer.from(readText(reader));
    else reader.skipField();
  }
  return { kind: "authenticate", user, password };
}

function readText(reader: BinaryReader): Buffer {
  reader.string();
  return reader.bytes.subarray(reader.start, reader.end);
}

function readQueue(reader: BinaryReader): string {
  let queue = "";
  while (reader.nextField()) {
    if (reader.isField(1, types.string)) queue = readName(reader);
    else reader.skipField();
  }
  return queue;
}

function readNone<T extends Request | null>(reader: BinaryReader, request: T): T {
  while (reader.nextField()) reader.skipField();
  return request;
}

/** Whether a queue may be called so, the engine knows; but nobody is to make long strings here. */
function readName(reader: BinaryReader): string {
  reader.string();
  if (reader.end - reader.start > queueNameBytesMax) {
    throw new KestrelError("bad-name", `a queue's name has at most ${queueNameBytesMax} bytes`);
  }
  const name = decodeUtf8(reader.bytes.subarray(reader.start, reader.end));
  if (name === undefined) throw new KestrelError("bad-name", notUtf8);
  return name;
}

function readLength(reader: BinaryReader, elementType: number): number {
  const length = reader.list(elementType);
  if (length > listLengthMax) {
    throw new KestrelError("bad-request", `a call has at most ${listLengthMax} of them, not ${length}`);
  }
  return length;
}
