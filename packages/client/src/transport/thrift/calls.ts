// The methods of service Kestrel (packages/server/kestrel.thrift): arguments into frames, results into values.

import { type AnswerReader, MalformedAnswer } from "./answer-reader.ts";
import { CallWriter, TYPE } from "./call-writer.ts";

/** One call, to be sent once. */
export interface Call<T> {
  readonly name: string;
  /** Whole but for its sequence number. */
  readonly frame: Buffer;
  /** Reads the struct behind the answer's header. Throws MalformedAnswer. */
  read(reader: AnswerReader): T;
}

/** Items to put in one call. The data must not change until it was sent. */
export interface PutArguments {
  readonly queue: string;
  readonly items: readonly Buffer[];
  /** 0: never. Negative: already. */
  readonly expirationMs: number;
  readonly flags: number;
}

export interface GetArguments {
  readonly queue: string;
  readonly lengthMax: number;
  readonly waitMs: number;
  readonly autoAbortMs: number;
}

/** An open read as the wire has it. */
export interface LentItem {
  readonly id: bigint;
  readonly data: Buffer;
  readonly flags: number;
}

export interface QueueInfo {
  readonly head: Buffer | null;
  readonly headFlags: number;
  readonly items: number;
}

const NAME_BYTES = 16;

/** How many of the items were put: the first ones, up to one that was refused. */
export function putCall({ queue, items, expirationMs, flags }: PutArguments): Call<number> {
  let size = 64 + queue.length;
  for (const { length } of items) size += 4 + length;
  const writer = new CallWriter("put", size).string(1, queue).binaries(2, items).int32(3, expirationMs);
  // Left out when there are none: nodes of others see the bytes that they know.
  if (flags !== 0) writer.int32(5, flags | 0);
  return callOf(writer, readInt32);
}

/** Opens reads, which go back with their connection, or on nodes of others when their time is over. */
export function getCall({ queue, lengthMax, waitMs, autoAbortMs }: GetArguments): Call<LentItem[]> {
  const writer = new CallWriter("get", 64 + queue.length)
    .string(1, queue)
    .int32(2, lengthMax)
    .int32(3, waitMs)
    .int32(4, autoAbortMs)
    .bool(5, true);
  return callOf(writer, (reader) => readItems(reader, lengthMax));
}

/** How many of them were open, and are now confirmed, or back in their queue. */
export function closeCall(name: "confirm" | "abort", queue: string, ids: readonly bigint[]): Call<number> {
  const writer = new CallWriter(name, 32 + queue.length + 8 * ids.length).string(1, queue).int64s(2, ids);
  return callOf(writer, readInt32);
}

export function peekCall(queue: string): Call<QueueInfo> {
  return callOf(new CallWriter("peek", NAME_BYTES + queue.length).string(1, queue), readQueueInfo);
}

export function queueCall(name: "flush_queue" | "delete_queue", queue: string): Call<void> {
  return callOf(new CallWriter(name, NAME_BYTES + queue.length).string(1, queue), readNothing);
}

/** Statistics of a queue, or with "" of the server; ours only. */
export function statsCall(queue: string): Call<Map<string, string>> {
  return callOf(new CallWriter("get_stats", NAME_BYTES + queue.length).string(1, queue), readTextMap);
}

export function versionCall(): Call<string> {
  return callOf(new CallWriter("get_version", 0), readText);
}

/** Says who a connection is; ours only. */
export function authenticateCall(username: string, password: string): Call<void> {
  return callOf(new CallWriter("authenticate", 256).string(1, username).string(2, password), readNothing);
}

function callOf<T>(writer: CallWriter, read: (reader: AnswerReader) => T): Call<T> {
  return { name: writer.name, frame: writer.finish(), read };
}

function readInt32(reader: AnswerReader): number {
  return resultOf(reader, TYPE.i32, () => reader.int32());
}

function readText(reader: AnswerReader): string {
  return resultOf(reader, TYPE.string, () => reader.text());
}

function readNothing(reader: AnswerReader): void {
  while (reader.nextField()) reader.skipField();
}

function readItems(reader: AnswerReader, lengthMax: number): LentItem[] {
  return resultOf(reader, TYPE.list, () => {
    const items: LentItem[] = [];
    const length = reader.list(TYPE.struct);
    if (length > lengthMax)
      throw new MalformedAnswer(`${length} items, and ${lengthMax} at most were asked for`);
    for (let i = 0; i < length; i++) items.push(readItem(reader));
    return items;
  });
}

function readItem(reader: AnswerReader): LentItem {
  let data: Buffer | undefined;
  let id: bigint | undefined;
  let flags = 0;
  while (reader.nextField()) {
    if (reader.isField(1, TYPE.string)) data = reader.binary();
    else if (reader.isField(2, TYPE.i64)) id = reader.int64();
    else if (reader.isField(4, TYPE.i32)) flags = reader.int32() >>> 0;
    else reader.skipField();
  }
  if (data === undefined || id === undefined) throw new MalformedAnswer("an item without data or id");
  return { id, data, flags };
}

function readQueueInfo(reader: AnswerReader): QueueInfo {
  return resultOf(reader, TYPE.struct, () => {
    let head: Buffer | null = null;
    let headFlags = 0;
    let items = 0;
    while (reader.nextField()) {
      if (reader.isField(1, TYPE.string)) head = reader.binary();
      else if (reader.isField(2, TYPE.i64)) items = Number(reader.int64());
      else if (reader.isField(8, TYPE.i32)) headFlags = reader.int32() >>> 0;
      else reader.skipField();
    }
    return { head, headFlags, items };
  });
}

function readTextMap(reader: AnswerReader): Map<string, string> {
  return resultOf(reader, TYPE.map, () => {
    const map = new Map<string, string>();
    for (let left = reader.textMap(); left > 0; left--) map.set(reader.text(), reader.text());
    return map;
  });
}

/** Field 0 of the struct at hand. */
function resultOf<T>(reader: AnswerReader, type: number, read: () => T): T {
  let result: { readonly value: T } | undefined;
  while (reader.nextField()) {
    if (reader.isField(0, type)) result = { value: read() };
    else reader.skipField();
  }
  if (result === undefined) throw new MalformedAnswer("an answer without a result");
  return result.value;
}
