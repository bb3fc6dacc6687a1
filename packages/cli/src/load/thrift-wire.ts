/**
 * A load test's connection in thrift: framed transport, binary protocol, and of the service Kestrel only what is
 * needed here. Open reads end with their connection, as over memcache; Kestrel 2, which knows nothing of that, takes them
 * back when their time is over.
 *
 *     frame    size:i32, then a message
 *     message  0x8001, 0, kind:i8 (1 call, 2 reply, 3 exception), name:string, sequence:i32, struct
 *     struct   fields of type:i8, number:i16, value; then 0
 */
import { Exchange, type ParseAnswer } from "./exchange.ts";
import { type OpenedItem, type Wire, WireFailure, type WireTarget } from "./wire.ts";

const type = { stop: 0, bool: 2, i32: 8, i64: 10, string: 11, struct: 12, set: 14, list: 15 } as const;
const strictCall = 0x8001_0001;
const strictReply = 0x8001_0002;
const strictException = 0x8001_0003;
const autoAbortMs = 5000;

export class ThriftWire implements Wire {
  readonly #exchange: Exchange;
  readonly #autoAbortMs: number;

  private constructor(exchange: Exchange, timeoutMs: number) {
    this.#exchange = exchange;
    // What is forgotten has to come back before the test gives up waiting for it.
    this.#autoAbortMs = Math.max(1, Math.min(autoAbortMs, Math.floor(timeoutMs / 2)));
  }

  static async connect(target: WireTarget): Promise<Wire> {
    const wire = new ThriftWire(await Exchange.connect(target), target.timeoutMs);
    if (target.credentials !== undefined) {
      const { username, password } = target.credentials;
      const args = [field(type.string, 1, text(username)), field(type.string, 2, text(password))];
      await wire.#call("authenticate", args, 0, () => undefined);
    }
    return wire;
  }

  async put(queue: string, items: readonly Buffer[]): Promise<void> {
    const list = [listHead(type.string, items.length), ...items.flatMap((data) => [i32(data.length), data])];
    const args = [
      field(type.string, 1, text(queue)),
      field(type.list, 2, ...list),
      field(type.i32, 3, i32(0)),
    ];
    const stored = await this.#call("put", args, 0, (reader) => reader.i32());
    if (stored !== items.length)
      throw new WireFailure(`${items.length} items were put, and ${stored} stored`);
  }

  async take(queue: string, waitMs: number): Promise<Buffer | null> {
    const [item] = await this.#get(queue, 1, waitMs, 0);
    return item?.data ?? null;
  }

  async open(queue: string, waitMs: number, lengthMax: number): Promise<OpenedItem[]> {
    return await this.#get(queue, lengthMax, waitMs, this.#autoAbortMs);
  }

  async confirm(queue: string, items: readonly OpenedItem[]): Promise<void> {
    const ids = items.map(({ id }) => i64(id as bigint));
    const args = [
      field(type.string, 1, text(queue)),
      field(type.set, 2, listHead(type.i64, ids.length), ...ids),
    ];
    const confirmed = await this.#call("confirm", args, 0, (reader) => reader.i32());
    if (confirmed !== items.length)
      throw new WireFailure(`${items.length} items were to be confirmed, and ${confirmed} were`);
  }

  async flush(queue: string): Promise<void> {
    await this.#call("flush_queue", [field(type.string, 1, text(queue))], 0, () => undefined);
  }

  destroy(): void {
    this.#exchange.destroy();
  }

  #get(
    queue: string,
    lengthMax: number,
    waitMs: number,
    abortMs: number,
  ): Promise<{ data: Buffer; id: bigint }[]> {
    const numbers = [lengthMax, waitMs, abortMs].map((number, index) =>
      field(type.i32, index + 2, i32(number)),
    );
    const abortOnDisconnect = field(type.bool, 5, Buffer.from([abortMs > 0 ? 1 : 0]));
    const args = [field(type.string, 1, text(queue)), ...numbers, abortOnDisconnect];
    return this.#call("get", args, waitMs, (reader) => {
      const items = reader.list(() => reader.item());
      if (items.length > lengthMax)
        throw new WireFailure(`${lengthMax} items were asked for, and ${items.length} came`);
      return items;
    });
  }

  #call<T>(name: string, args: readonly Buffer[], waitMs: number, read: (reader: Reader) => T): Promise<T> {
    const message = Buffer.concat([
      i32(strictCall | 0),
      text(name),
      i32(0),
      ...args,
      Buffer.from([type.stop]),
    ]);
    return this.#exchange.ask(Buffer.concat([i32(message.length), message]), waitMs, parseReply(name, read));
  }
}

function parseReply<T>(name: string, read: (reader: Reader) => T): ParseAnswer<T> {
  return (received) => {
    if (received.length < 4) return undefined;
    const size = 4 + received.readInt32BE(0);
    if (received.length < size) return undefined;
    const reader = new Reader(received.subarray(4, size));
    try {
      const kind = reader.i32() >>> 0;
      const answered = reader.string().toString();
      reader.i32();
      if (kind === strictException) throw new WireFailure(`${name} was refused: ${reader.message()}`);
      if (kind !== strictReply || answered !== name)
        throw new WireFailure(`no reply to ${name}: ${answered}`);
      const resultType = reader.i8();
      if (resultType === type.stop) return { size, value: read(reader) };
      const number = reader.i16();
      if (number !== 0) throw new WireFailure(`${name} was refused`);
      return { size, value: read(reader) };
    } catch (error) {
      if (error instanceof RangeError) throw new WireFailure(`a reply to ${name} that makes no sense`);
      throw error;
    }
  };
}

/** Reads one message from front to back. Throws RangeError when it ends too soon. */
class Reader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  i8(): number {
    return this.#bytes.readInt8(this.#advance(1));
  }

  i16(): number {
    return this.#bytes.readInt16BE(this.#advance(2));
  }

  i32(): number {
    return this.#bytes.readInt32BE(this.#advance(4));
  }

  i64(): bigint {
    return this.#bytes.readBigInt64BE(this.#advance(8));
  }

  string(): Buffer {
    const size = this.i32();
    const start = this.#advance(size);
    return this.#bytes.subarray(start, start + size);
  }

  list<T>(read: () => T): T[] {
    this.i8();
    return Array.from({ length: this.i32() }, read);
  }

  /** What a TApplicationException says, its first field. */
  message(): string {
    return this.i8() === type.string && this.i16() === 1 ? this.string().toString() : "no reason given";
  }

  /** An Item: its data, its id, and perhaps fields of a later version. */
  item(): { data: Buffer; id: bigint } {
    let data: Buffer = Buffer.alloc(0);
    let id = 0n;
    for (let kind = this.i8(); kind !== type.stop; kind = this.i8()) {
      const number = this.i16();
      // The item is kept longer than what was received.
      if (kind === type.string) {
        const value = this.string();
        if (number === 1) data = Buffer.from(value);
      } else if (kind === type.i64) {
        const value = this.i64();
        if (number === 2) id = value;
      } else if (kind === type.i32) {
        this.i32();
      } else {
        throw new WireFailure(`an item with a field of type ${kind}`);
      }
    }
    return { data, id };
  }

  #advance(size: number): number {
    const start = this.#offset;
    if (size < 0 || start + size > this.#bytes.length) throw new RangeError("the message ends too soon");
    this.#offset = start + size;
    return start;
  }
}

function field(kind: number, number: number, ...value: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([kind, number >> 8, number & 0xff]), ...value]);
}

function listHead(kind: number, length: number): Buffer {
  return Buffer.concat([Buffer.from([kind]), i32(length)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([i32(bytes.length), bytes]);
}

function i32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function i64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}
