/** Answers to thrift calls: frames with a header as the call had it, and a struct whose field 0 is the result. */
import type { KestrelErrorCode } from "../../errors.ts";
import type { GatheredItem } from "../../session/gathering.ts";
import type { Statistic } from "../../stats/statistic.ts";
import type { Output } from "../output.ts";
import { types } from "./binary-reader.ts";
import { frameHeadSize, messageTypes, version1 } from "./message-header.ts";

/** What is needed of a call to answer it. */
export interface Call {
  readonly name: string;
  readonly isStrict: boolean;
  readonly sequenceId: number;
}

/** Kinds of exception that every client knows. */
export const exceptionTypes = { unknownMethod: 1, internalError: 6, protocolError: 7 } as const;

export interface QueueInfo {
  readonly head: GatheredItem | null;
  readonly length: number;
  readonly bytes: number;
  readonly journalBytes: number;
  readonly ageMs: number;
  readonly waiterLength: number;
  readonly openLength: number;
}

const fieldSize = 3;
const sizeSize = 4;
const stopSize = 1;

export function renderVoid(output: Output, call: Call): void {
  header(output, call, messageTypes.reply, stopSize);
  stop(output);
}

export function renderInt32(output: Output, call: Call, value: number): void {
  header(output, call, messageTypes.reply, fieldSize + 4 + stopSize);
  int32Field(output, 0, value);
  stop(output);
}

export function renderString(output: Output, call: Call, text: string): void {
  const bytes = Buffer.from(text);
  header(output, call, messageTypes.reply, fieldSize + sizeSize + bytes.length + stopSize);
  stringField(output, 0, bytes);
  stop(output);
}

/** `firstId`: the others have the ids that follow; 0: so do all. */
export function renderItems(
  output: Output,
  call: Call,
  items: readonly GatheredItem[],
  firstId: number,
): void {
  const emptyItemSize = fieldSize + sizeSize + fieldSize + 8 + stopSize;
  let size = fieldSize + 1 + sizeSize + items.length * emptyItemSize + stopSize;
  for (const { data, flags } of items) size += data.length + (flags === 0 ? 0 : fieldSize + 4);
  header(output, call, messageTypes.reply, size);
  field(output, types.list, 0);
  byte(output, types.struct);
  int32(output, items.length);
  for (let i = 0; i < items.length; i++) {
    const { data, flags } = items[i]!;
    stringField(output, 1, data);
    int64Field(output, 2, firstId === 0 ? 0 : firstId + i);
    if (flags !== 0) int32Field(output, 4, flags | 0);
    stop(output);
  }
  stop(output);
}

export function renderQueueInfo(output: Output, call: Call, info: QueueInfo): void {
  const { head } = info;
  const flags = head?.flags ?? 0;
  const headSize =
    head === null ? 0 : fieldSize + sizeSize + head.data.length + (flags === 0 ? 0 : fieldSize + 4);
  const infoSize = headSize + 4 * (fieldSize + 8) + 2 * (fieldSize + 4) + stopSize;
  header(output, call, messageTypes.reply, fieldSize + infoSize + stopSize);
  field(output, types.struct, 0);
  if (head !== null) stringField(output, 1, head.data);
  int64Field(output, 2, info.length);
  int64Field(output, 3, info.bytes);
  int64Field(output, 4, info.journalBytes);
  int64Field(output, 5, info.ageMs);
  int32Field(output, 6, info.waiterLength);
  int32Field(output, 7, info.openLength);
  if (flags !== 0) int32Field(output, 8, flags | 0);
  stop(output);
  stop(output);
}

export function renderStatistics(output: Output, call: Call, statistics: readonly Statistic[]): void {
  const pairs = statistics.map(([name, value]) => [Buffer.from(name), Buffer.from(String(value))] as const);
  let size = fieldSize + 2 + sizeSize + stopSize;
  for (const [name, value] of pairs) size += 2 * sizeSize + name.length + value.length;
  header(output, call, messageTypes.reply, size);
  field(output, types.map, 0);
  byte(output, types.string);
  byte(output, types.string);
  int32(output, pairs.length);
  for (const pair of pairs) {
    for (const bytes of pair) {
      int32(output, bytes.length);
      output.data(bytes, 0, bytes.length);
    }
  }
  stop(output);
}

/** Why a call was refused; `too-large`: it has more bytes than a call may have. */
export type ExceptionCode = KestrelErrorCode | "too-large";

/** `code`: what it is about, for programs. Clients of others don't know the field and pass it by. */
export function renderException(
  output: Output,
  call: Call,
  type: number,
  message: string,
  code?: ExceptionCode,
): void {
  const bytes = Buffer.from(message);
  const codeSize = code === undefined ? 0 : fieldSize + sizeSize + code.length;
  const size = fieldSize + sizeSize + bytes.length + fieldSize + 4 + codeSize + stopSize;
  header(output, call, messageTypes.exception, size);
  stringField(output, 1, bytes);
  int32Field(output, 2, type);
  if (code !== undefined) stringField(output, 3, Buffer.from(code));
  stop(output);
}

function header(
  output: Output,
  { name, isStrict, sequenceId }: Call,
  type: number,
  structSize: number,
): void {
  const nameSize = name.length;
  const headSize = isStrict ? 12 + nameSize : 9 + nameSize;
  let at = output.reserve(frameHeadSize + headSize);
  const { bytes } = output;
  at = bytes.writeUInt32BE(headSize + structSize, at);
  if (isStrict) {
    at = bytes.writeUInt32BE(version1 + type, at);
    at = bytes.writeUInt32BE(nameSize, at);
    at += bytes.write(name, at, "latin1");
  } else {
    at = bytes.writeUInt32BE(nameSize, at);
    at += bytes.write(name, at, "latin1");
    bytes[at++] = type;
  }
  bytes.writeUInt32BE(sequenceId, at);
}

function field(output: Output, type: number, id: number): void {
  const at = output.reserve(fieldSize);
  output.bytes[at] = type;
  output.bytes.writeInt16BE(id, at + 1);
}

function int32Field(output: Output, id: number, value: number): void {
  field(output, types.i32, id);
  int32(output, value);
}

function int64Field(output: Output, id: number, value: number): void {
  field(output, types.i64, id);
  const at = output.reserve(8);
  output.bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  output.bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

function stringField(output: Output, id: number, value: Buffer): void {
  field(output, types.string, id);
  int32(output, value.length);
  output.data(value, 0, value.length);
}

function int32(output: Output, value: number): void {
  const at = output.reserve(4);
  output.bytes.writeInt32BE(value, at);
}

function byte(output: Output, value: number): void {
  const at = output.reserve(1);
  output.bytes[at] = value;
}

function stop(output: Output): void {
  byte(output, types.stop);
}
