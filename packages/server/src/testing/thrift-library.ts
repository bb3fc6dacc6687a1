/** npm's thrift and the client that was generated from our IDL, with types of our own. */
import { createRequire } from "node:module";
import type { TestClient } from "./fake-connection.ts";

const require = createRequire(import.meta.url);
/** The library; used for what is not typed here. */
// biome-ignore lint/suspicious/noExplicitAny: it has no types.
export const thrift: any = require("thrift");
const generated = require("../protocol/thrift/gen/node/Kestrel.js") as {
  Client: new (transport: object, protocol: unknown) => GeneratedClient;
};
const Int64 = require("node-int64") as new (hexOrNumber: number | string) => Int64;

/** As the library has it: not every value is a number. */
export interface Int64 {
  toNumber(): number;
  toOctetString(): string;
}

export interface ThriftItem {
  readonly data: Buffer;
  readonly id: Int64;
  readonly flags: number | null;
}

interface ThriftQueueInfo {
  readonly head_item: Buffer | null;
  readonly items: Int64;
  readonly bytes: Int64;
  readonly journal_bytes: Int64;
  readonly age: Int64;
  readonly waiters: number;
  readonly open_transactions: number;
  readonly head_flags: number | null;
}

/** What the compiler makes of service Kestrel. */
export interface ThriftKestrel {
  authenticate(user: string, password: string): Promise<void>;
  put(
    queue: string,
    items: readonly (Buffer | string)[],
    expirationMs?: number,
    flags?: number,
  ): Promise<number>;
  get(
    queue: string,
    max: number,
    timeoutMs?: number,
    autoAbortMs?: number,
    abortsOnDisconnect?: boolean,
  ): Promise<ThriftItem[]>;
  confirm(queue: string, ids: readonly Int64[]): Promise<number>;
  abort(queue: string, ids: readonly Int64[]): Promise<number>;
  peek(queue: string): Promise<ThriftQueueInfo>;
  flush_queue(queue: string): Promise<void>;
  flush_all_queues(): Promise<void>;
  delete_queue(queue: string): Promise<void>;
  current_status(): Promise<number>;
  set_status(status: number): Promise<void>;
  get_version(): Promise<string>;
  get_stats(queue: string): Promise<Record<string, string>>;
}

/** It sends and receives by methods of their own for each of the service's. */
type GeneratedClient = ThriftKestrel & Record<string, (...args: unknown[]) => unknown>;

export const GeneratedKestrel: typeof generated.Client = generated.Client;

export function int64(value: number | string): Int64 {
  return new Int64(value);
}

export const idsOf = (items: readonly ThriftItem[]): Int64[] => items.map(({ id }) => id);
export const textsOf = (items: readonly ThriftItem[]): string[] => items.map(({ data }) => String(data));

/** What a protocol of the library can write; as much of it as tests use. */
export type Writer = Record<`write${string}`, (...args: unknown[]) => void>;

/** Message types. */
export const call = 1;
export const oneway = 4;

/** A frame with a message; `write` writes what is in its struct, without the stop. */
export function frameOf(
  name: string,
  type: number,
  sequenceId: number,
  write: (to: Writer) => void = () => {},
): Buffer {
  let frame: Buffer = Buffer.alloc(0);
  const transport = new thrift.TFramedTransport(undefined, (bytes: Buffer) => {
    frame = bytes;
  });
  const protocol = new thrift.TBinaryProtocol(transport);
  protocol.writeMessageBegin(name, type, sequenceId);
  write(protocol);
  protocol.writeFieldStop();
  protocol.flush();
  return frame;
}

/** An answer as it came. */
export interface RawAnswer {
  readonly name: string;
  readonly isException: boolean;
  readonly sequenceId: number;
  /** Of an exception: its type and message. */
  readonly type?: number;
  readonly message?: string;
}

/** Reads whole frames with answers. Throws on anything else. */
export function readAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) throw new Error("half an answer");
    const message = new thrift.TBinaryProtocol(new thrift.TFramedTransport(bytes.subarray(at + 4, end)));
    at = end;
    const { fname, mtype, rseqid } = message.readMessageBegin();
    const answer = { name: String(fname), isException: mtype === 3, sequenceId: rseqid as number };
    if (!answer.isException) {
      answers.push(answer);
      continue;
    }
    const exception = new thrift.Thrift.TApplicationException();
    exception.read(message);
    answers.push({ ...answer, type: exception.type, message: exception.message });
  }
  return answers;
}

export interface FakeThriftOptions {
  /** Headers as they were in old times. */
  readonly isOld?: boolean;
}

/** The generated client on a connection without a network. */
export class FakeThrift {
  readonly kestrel: ThriftKestrel;
  readonly connection: TestClient;
  readonly #generated: GeneratedClient;
  /** Frames of calls that were made and not sent yet. */
  #unsent: Buffer[] = [];
  #received: Buffer = Buffer.alloc(0);

  constructor(connection: TestClient, { isOld = false }: FakeThriftOptions = {}) {
    this.connection = connection;
    const transport = new thrift.TFramedTransport(undefined, (frame: Buffer) => this.#unsent.push(frame));
    class Protocol extends thrift.TBinaryProtocol {
      constructor(trans: object) {
        super(trans, false, !isOld);
      }
    }
    this.#generated = new GeneratedKestrel(transport, Protocol);
    this.kestrel = this.#generated;
  }

  /** The frames of the calls made since the last time. */
  frames(): Buffer {
    const frames = Buffer.concat(this.#unsent);
    this.#unsent = [];
    return frames;
  }

  /** Sends what was called, in these pieces, and hands on what comes back. */
  async exchange(cut: (frames: Buffer) => Iterable<Buffer> = (frames) => [frames]): Promise<void> {
    for (const piece of cut(this.frames())) {
      this.connection.send(piece);
      await this.hear();
    }
  }

  /** Hands on what has come back since. */
  async hear(): Promise<void> {
    this.#received = Buffer.concat([this.#received, Buffer.from(await this.connection.hear(), "latin1")]);
    while (this.#received.length >= 4 && this.#received.length >= 4 + this.#received.readUInt32BE()) {
      const end = 4 + this.#received.readUInt32BE();
      const message = new thrift.TBinaryProtocol(
        new thrift.TFramedTransport(this.#received.subarray(4, end)),
      );
      this.#received = this.#received.subarray(end);
      const { fname, mtype, rseqid } = message.readMessageBegin();
      this.#generated[`recv_${fname}`]!(message, mtype, rseqid);
    }
  }

  /** Makes one call and gives its answer; undefined while there is none. */
  async ask<T>(call: (kestrel: ThriftKestrel) => Promise<T>): Promise<T | undefined> {
    const answer = call(this.kestrel);
    await this.exchange();
    return Promise.race([
      answer,
      new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
    ]);
  }
}
