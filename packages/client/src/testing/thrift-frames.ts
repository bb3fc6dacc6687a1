// Framed thrift from the server's side, for the servers that tests run. Written from the protocol, not with the
// client's own code, so that both don't share a mistake.

export interface ThriftCall {
  readonly name: string;
  readonly sequence: number;
  /** By their numbers: strings as text, lists and sets as arrays. */
  readonly args: ReadonlyMap<number, ThriftValue>;
}

type ThriftValue = string | number | bigint | boolean | ThriftValue[];

/** Takes whole calls off the front of the bytes; gives them with what is left over. */
export function parseCalls(bytes: Buffer): { calls: ThriftCall[]; rest: Buffer } {
  const calls: ThriftCall[] = [];
  let offset = 0;
  while (bytes.length - offset >= 4) {
    const end = offset + 4 + bytes.readUInt32BE(offset);
    if (bytes.length < end) break;
    calls.push(parseCall(bytes.subarray(offset + 4, end)));
    offset = end;
  }
  return { calls, rest: bytes.subarray(offset) };
}

function parseCall(frame: Buffer): ThriftCall {
  let at = 0;
  const skip = (size: number): number => {
    at += size;
    return at - size;
  };
  const bytes = (): Buffer => {
    const size = frame.readInt32BE(skip(4));
    const start = skip(size);
    return frame.subarray(start, start + size);
  };
  const value = (type: number): ThriftValue => {
    if (type === 2) return frame[skip(1)] !== 0;
    if (type === 8) return frame.readInt32BE(skip(4));
    if (type === 10) return frame.readBigInt64BE(skip(8));
    if (type === 11) return bytes().toString("utf8");
    if (type !== 14 && type !== 15) throw new Error(`a value of type ${type}`);
    const elementType = frame[skip(1)]!;
    const length = frame.readInt32BE(skip(4));
    return Array.from({ length }, () => value(elementType));
  };
  if (frame.readUInt32BE(skip(4)) !== 0x8001_0001) throw new Error("no call");
  const name = bytes().toString("latin1");
  const sequence = frame.readInt32BE(skip(4));
  const args = new Map<number, ThriftValue>();
  for (let type = frame[skip(1)]!; type !== 0; type = frame[skip(1)]!) {
    const number = frame.readInt16BE(skip(2));
    args.set(number, value(type));
  }
  if (at !== frame.length) throw new Error("bytes behind a call");
  return { name, sequence, args };
}

type Header = Pick<ThriftCall, "name" | "sequence">;

function renderMessage({ name, sequence }: Header, type: number, fields: readonly Buffer[]): Buffer {
  const body = Buffer.concat([
    int32(0x8001_0000 + type),
    string(name),
    int32(sequence),
    ...fields,
    Buffer.of(0),
  ]);
  return Buffer.concat([int32(body.length), body]);
}

export function renderVoid(call: Header): Buffer {
  return renderMessage(call, 2, []);
}

export function renderInt32(call: Header, value: number): Buffer {
  return renderMessage(call, 2, [field(8, 0), int32(value)]);
}

export function renderText(call: Header, text: string): Buffer {
  return renderMessage(call, 2, [field(11, 0), string(text)]);
}

export interface WireItem {
  readonly data: string;
  readonly id: bigint;
  readonly flags?: number;
}

export function renderItems(call: Header, items: readonly WireItem[]): Buffer {
  const structs = items.map(({ data, id, flags = 0 }) =>
    Buffer.concat([
      ...[field(11, 1), string(data), field(10, 2), int64(id)],
      ...(flags === 0 ? [] : [field(8, 4), int32(flags)]),
      Buffer.of(0),
    ]),
  );
  return renderMessage(call, 2, [field(15, 0), Buffer.of(12), int32(items.length), ...structs]);
}

/** A result that clients of today don't know, to be passed by. */
export function renderUnknown(call: Header): Buffer {
  const map = Buffer.concat([Buffer.of(11, 10), int32(1), string("key"), int64(5n)]);
  return renderMessage(call, 2, [field(13, 7), map, field(8, 0), int32(1)]);
}

export function renderException(call: Header, type: number, message: string, code?: string): Buffer {
  return renderMessage(call, 3, [
    ...[field(11, 1), string(message), field(8, 2), int32(type)],
    ...(code === undefined ? [] : [field(11, 3), string(code)]),
  ]);
}

function field(type: number, number: number): Buffer {
  return Buffer.of(type, number >> 8, number & 0xff);
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int32(bytes.length), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
