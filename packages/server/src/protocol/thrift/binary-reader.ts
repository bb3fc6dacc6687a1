/**
 * Thrift's binary protocol, read where it lies. Every size is checked against what is left of the frame before
 * anything is done with it, so a frame costs no more than its own bytes.
 *
 *     struct     fields, then a byte 0
 *     field      type (1)  id (2)  value
 *     i16 … i64  big-endian, signed
 *     string     size (4)  bytes                       also for binary
 *     list, set  element type (1)  length (4)  elements
 *     map        key type (1)  value type (1)  length (4)  keys and values
 *
 * The library (npm thrift 0.24) is not used here but by tests. Its TBinaryProtocol makes several objects for each
 * field and item: a call with 100 items takes 13 µs to read and 140 µs to write, and here 3 and 14. Its server answers
 * a frame that breaks off early never, taking it for one that has not arrived yet, and keeps no order in the answers of
 * calls that wait.
 */

/** What a client has sent is not what it says. */
export class MalformedFrame extends Error {
  override readonly name: string = "MalformedFrame";
}

export const types = {
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

/** By type: the least bytes that a value takes; 0: there is no such type. */
const leastSizes: readonly number[] = [0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 4, 1, 6, 5, 5, 16];
/** Types whose values have always that size. */
const fixedTypes: readonly number[] = [2, 3, 4, 6, 8, 10, 16];
const depthMax = 64;

export class BinaryReader {
  bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** Of the field at hand. */
  #fieldType = 0;
  #fieldId = 0;
  /** The string read last: `[start, end)` of the bytes. */
  start = 0;
  end = 0;

  /** Reads `bytes[at, end)` from now on. */
  begin(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes;
    this.#at = at;
    this.#end = end;
  }

  /** Goes to the next field of a struct; false: there are no more. Its value must then be read or skipped. */
  nextField(): boolean {
    this.#fieldType = this.#byte();
    if (this.#fieldType === types.stop) return false;
    this.#fieldId = this.bytes.readInt16BE(this.#take(2));
    return true;
  }

  /** Whether the field at hand is this one. */
  isField(id: number, type: number): boolean {
    return this.#fieldId === id && this.#fieldType === type;
  }

  skipField(): void {
    this.#skip(this.#fieldType, 0);
  }

  bool(): boolean {
    return this.#byte() !== 0;
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4));
  }

  /** Exact up to 2^53; beyond, it is at least that. */
  int64(): number {
    const at = this.#take(8);
    return this.bytes.readInt32BE(at) * 0x1_0000_0000 + this.bytes.readUInt32BE(at + 4);
  }

  /** Its place is then in `start` and `end`. */
  string(): void {
    const size = this.#size(1);
    this.start = this.#take(size);
    this.end = this.#at;
  }

  /** Begins a list or a set; returns its length. */
  list(elementType: number): number {
    const type = this.#byte();
    const length = this.#size(leastSizes[elementType]!);
    if (type !== elementType && length > 0) throw new MalformedFrame("a list of something else");
    return length;
  }

  #byte(): number {
    return this.bytes[this.#take(1)]!;
  }

  /** Goes on by `size` bytes; returns where they begin. */
  #take(size: number): number {
    const at = this.#at;
    if (size > this.#end - at) throw new MalformedFrame("the frame ends too early");
    this.#at = at + size;
    return at;
  }

  /** The size or length that comes next, of things that take at least `leastSize` bytes each. */
  #size(leastSize: number): number {
    const size = this.int32();
    if (size < 0) throw new MalformedFrame("a negative size");
    if (size * leastSize > this.#end - this.#at)
      throw new MalformedFrame("a size beyond the end of the frame");
    return size;
  }

  #skip(type: number, depth: number): void {
    const leastSize = leastSizeOf(type);
    if (depth > depthMax) throw new MalformedFrame("nested too deeply");
    if (fixedTypes.includes(type)) {
      this.#take(leastSize);
    } else if (type === types.string) {
      this.string();
    } else if (type === types.struct) {
      for (let field = this.#byte(); field !== types.stop; field = this.#byte()) {
        this.#take(2);
        this.#skip(field, depth + 1);
      }
    } else if (type === types.map) {
      const [keyType, valueType] = [this.#byte(), this.#byte()];
      const length = this.int32();
      // Empty maps may have no types.
      if (length !== 0) this.#skipMany([keyType, valueType], length, depth);
    } else {
      const elementType = this.#byte();
      const length = this.int32();
      if (length !== 0) this.#skipMany([elementType], length, depth);
    }
  }

  #skipMany(kinds: readonly number[], length: number, depth: number): void {
    const leastSize = kinds.reduce((sum, type) => sum + leastSizeOf(type), 0);
    if (length < 0 || length * leastSize > this.#end - this.#at) {
      throw new MalformedFrame("a size beyond the end of the frame");
    }
    if (kinds.every((type) => fixedTypes.includes(type))) {
      this.#take(length * leastSize);
      return;
    }
    for (let i = 0; i < length; i++) for (const type of kinds) this.#skip(type, depth + 1);
  }
}

function leastSizeOf(type: number): number {
  const size = leastSizes[type] ?? 0;
  if (size === 0) throw new MalformedFrame("no such type");
  return size;
}
