// Answers of the thrift binary protocol, read where they lie. Every size is checked against what is left of the
// frame before anything is done with it, so that an answer costs no more than its own bytes.

import { MESSAGE, TYPE, VERSION_1 } from "./call-writer.ts";

/** What the node has sent is not what it says. */
export class MalformedAnswer extends Error {
  override readonly name: string = "MalformedAnswer";
}

/** By type: the least bytes that a value takes; 0: there is no such type. */
const LEAST_SIZES: readonly number[] = [0, 0, 1, 1, 8, 0, 2, 0, 4, 0, 8, 4, 1, 6, 5, 5, 16];
/** Types whose values have always that size. */
const FIXED_TYPES: ReadonlySet<number> = new Set([2, 3, 4, 6, 8, 10, 16]);
const DEPTH_MAX = 32;

/** What stands before an answer's struct. */
export interface AnswerHeader {
  readonly name: string;
  readonly isException: boolean;
  readonly sequence: number;
}

/** Reads one frame, without the size before it, from front to back. All methods throw MalformedAnswer. */
export class AnswerReader {
  readonly #bytes: Buffer;
  #at = 0;
  #fieldType = 0;
  #fieldId = 0;

  constructor(frame: Buffer) {
    this.#bytes = frame;
  }

  header(): AnswerHeader {
    const first = this.int32() >>> 0;
    const type = first & 0xff;
    const isKnown = type === MESSAGE.reply || type === MESSAGE.exception;
    if ((first & 0xffff_ff00) >>> 0 !== VERSION_1 || !isKnown) throw new MalformedAnswer("no answer at all");
    const name = this.binary().toString("latin1");
    return { name, isException: type === MESSAGE.exception, sequence: this.int32() };
  }

  /** Goes to the next field of a struct; false: there are no more. Its value must then be read or skipped. */
  nextField(): boolean {
    this.#fieldType = this.#byte();
    if (this.#fieldType === TYPE.stop) return false;
    this.#fieldId = this.#bytes.readInt16BE(this.#take(2));
    return true;
  }

  /** Whether the field at hand is this one. */
  isField(id: number, type: number): boolean {
    return this.#fieldId === id && this.#fieldType === type;
  }

  skipField(): void {
    this.#skip(this.#fieldType, 0);
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  int64(): bigint {
    return this.#bytes.readBigInt64BE(this.#take(8));
  }

  /** A part of the frame. */
  binary(): Buffer {
    const size = this.#length(1);
    const start = this.#take(size);
    return this.#bytes.subarray(start, start + size);
  }

  text(): string {
    return this.binary().toString("utf8");
  }

  /** Begins a list; gives its length. */
  list(elementType: number): number {
    const type = this.#byte();
    const length = this.#length(leastSizeOf(elementType));
    if (type !== elementType && length > 0) throw new MalformedAnswer("a list of something else");
    return length;
  }

  /** Begins a map from strings to strings; gives its length. */
  textMap(): number {
    const [keyType, valueType] = [this.#byte(), this.#byte()];
    const length = this.#length(2 * leastSizeOf(TYPE.string));
    const isText = keyType === TYPE.string && valueType === TYPE.string;
    if (!isText && length > 0) throw new MalformedAnswer("a map of something else");
    return length;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Goes on by `size` bytes; gives where they begin. */
  #take(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw new MalformedAnswer("it ends too early");
    this.#at = at + size;
    return at;
  }

  /** The size or length that comes next, of things that take at least `leastSize` bytes each. */
  #length(leastSize: number): number {
    const length = this.int32();
    if (length < 0 || length * leastSize > this.#bytes.length - this.#at) {
      throw new MalformedAnswer("a size beyond its end");
    }
    return length;
  }

  #skip(type: number, depth: number): void {
    if (depth > DEPTH_MAX) throw new MalformedAnswer("nested too deeply");
    const leastSize = leastSizeOf(type);
    if (FIXED_TYPES.has(type)) {
      this.#take(leastSize);
    } else if (type === TYPE.string) {
      this.binary();
    } else if (type === TYPE.struct) {
      for (let field = this.#byte(); field !== TYPE.stop; field = this.#byte()) {
        this.#take(2);
        this.#skip(field, depth + 1);
      }
    } else {
      const types = type === TYPE.map ? [this.#byte(), this.#byte()] : [this.#byte()];
      // Empty ones may have no types.
      const length = this.#length(1);
      for (let i = 0; i < length; i++) for (const each of types) this.#skip(each, depth + 1);
    }
  }
}

function leastSizeOf(type: number): number {
  const size = LEAST_SIZES[type] ?? 0;
  if (size === 0) throw new MalformedAnswer("no such type");
  return size;
}
