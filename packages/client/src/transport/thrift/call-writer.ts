// One call of the thrift binary protocol, written into one buffer. Numbers are big-endian.
//
//     frame      size of what follows (4)
//     header     0x80 0x01 0x00 0x01  name size (4)  name  sequence number (4)
//     arguments  fields, then a byte 0
//     field      type (1)  id (2)  value
//     string     size (4)  bytes
//     list, set  element type (1)  length (4)  elements

export const TYPE = {
  stop: 0,
  bool: 2,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const;

export const VERSION_1 = 0x8001_0000;
export const MESSAGE = { call: 1, reply: 2, exception: 3 } as const;
const FIELD_BYTES = 3;
const LIST_HEAD_BYTES = FIELD_BYTES + 5;

export class CallWriter {
  readonly name: string;
  #bytes: Buffer;
  #end: number;

  /** `sizeHint`: of the arguments; more only cost a copy. */
  constructor(name: string, sizeHint: number) {
    this.name = name;
    const headSize = 16 + name.length;
    this.#bytes = Buffer.allocUnsafe(headSize + sizeHint + 1);
    this.#bytes.writeUInt32BE(VERSION_1 + MESSAGE.call, 4);
    this.#bytes.writeUInt32BE(name.length, 8);
    this.#bytes.write(name, 12, "latin1");
    this.#end = headSize;
  }

  string(id: number, value: string): this {
    const size = Buffer.byteLength(value);
    this.#field(TYPE.string, id, 4 + size);
    this.#end = this.#bytes.writeUInt32BE(size, this.#end);
    this.#end += this.#bytes.write(value, this.#end, "utf8");
    return this;
  }

  int32(id: number, value: number): this {
    this.#field(TYPE.i32, id, 4);
    this.#end = this.#bytes.writeInt32BE(value, this.#end);
    return this;
  }

  bool(id: number, value: boolean): this {
    this.#field(TYPE.bool, id, 1);
    this.#end = this.#bytes.writeUInt8(value ? 1 : 0, this.#end);
    return this;
  }

  binaries(id: number, values: readonly Buffer[]): this {
    let size = 0;
    for (const { length } of values) size += 4 + length;
    this.#listHead(TYPE.list, id, TYPE.string, values.length, size);
    for (const value of values) {
      this.#end = this.#bytes.writeUInt32BE(value.length, this.#end);
      this.#end += value.copy(this.#bytes, this.#end);
    }
    return this;
  }

  int64s(id: number, values: readonly bigint[]): this {
    this.#listHead(TYPE.set, id, TYPE.i64, values.length, 8 * values.length);
    for (const value of values) this.#end = this.#bytes.writeBigInt64BE(value, this.#end);
    return this;
  }

  /** The frame, whole but for its sequence number. */
  finish(): Buffer {
    this.#reserve(1);
    this.#bytes[this.#end++] = TYPE.stop;
    this.#bytes.writeUInt32BE(this.#end - 4, 0);
    return this.#bytes.subarray(0, this.#end);
  }

  #listHead(type: number, id: number, elementType: number, length: number, size: number): void {
    this.#field(type, id, LIST_HEAD_BYTES + size);
    this.#bytes[this.#end++] = elementType;
    this.#end = this.#bytes.writeUInt32BE(length, this.#end);
  }

  #field(type: number, id: number, size: number): void {
    this.#reserve(FIELD_BYTES + size);
    this.#bytes[this.#end++] = type;
    this.#end = this.#bytes.writeInt16BE(id, this.#end);
  }

  #reserve(size: number): void {
    const needed = this.#end + size;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed + 64, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

/** Numbers a call that was written by a CallWriter. */
export function numberCall(frame: Buffer, name: string, sequence: number): void {
  frame.writeInt32BE(sequence, 12 + name.length);
}
