/**
 * The memcache binary protocol over queues (docs/protocols.md): frames into requests, replies into frames. The
 * key is the queue with its options, as in ASCII. One codec for each connection.
 */
import { KestrelError } from "../../errors.ts";
import type { PutRequest, Reply } from "../../session/request.ts";
import { version } from "../../version.ts";
import type { Codec, Wire } from "../codec.ts";
import type { Output } from "../output.ts";
import { errors, refusals, renderItem, renderStatistics, texts } from "./binary-answers.ts";
import {
  headerSize,
  type Operation,
  openActions,
  operations,
  readUint32,
  renderHeader,
  renderText,
  requestMagic,
  status,
} from "./binary-frame.ts";
import { credentialBytesMax, parsePlain } from "./credentials.ts";
import { expiryMsOf, signedExpiryOf } from "./expiry.ts";
import type { Key } from "./key.ts";
import type { MemcacheHost } from "./memcache-host.ts";

/** A queue's longest name, and behind it whatever options a get may have. */
const keyBytesMax = 300;
const saslMechanism = "PLAIN";
const noKey: Buffer = Buffer.alloc(0);

// One frame is read at a time, so all connections share it.
const put: PutRequest = {
  kind: "put",
  queue: "",
  source: noKey,
  start: 0,
  end: 0,
  flags: 0,
  expiryMs: 0,
};

export class BinaryCodec implements Codec {
  readonly #wire: Wire;
  readonly #host: MemcacheHost;

  // The request at hand. The tag is the opcode.
  tag = 0;
  opaque = 0;
  #operation: Operation | undefined;
  #key: Key | null = null;
  #flags = 0;
  #expirySeconds = 0;
  /** What the swallowed body is answered with. */
  #refusal: Reply | "unknown" | "auth" = "unknown";

  constructor(wire: Wire, host: MemcacheHost) {
    this.#wire = wire;
    this.#host = host;
  }

  readHead(input: Buffer, at: number, end: number): number {
    if (input[at] !== requestMagic) {
      this.#wire.close();
      return end;
    }
    if (end - at < headerSize) return at;
    const opcode = input[at + 1]!;
    const keySize = (input[at + 2]! << 8) | input[at + 3]!;
    const extrasSize = input[at + 4]!;
    const bodySize = readUint32(input, at + 8);
    const valueSize = bodySize - extrasSize - keySize;
    const operation = operations[opcode];
    const isWellFormed = valueSize >= 0 && keySize <= keyBytesMax;
    const headEnd = at + headerSize + (isWellFormed && operation !== undefined ? extrasSize + keySize : 0);
    if (headEnd > end) return at;

    this.tag = opcode;
    this.opaque = readUint32(input, at + 12);
    this.#operation = operation;
    if (this.#wire.isBarred && !(operation && openActions.includes(operation.action))) {
      this.#fail(status.authError, texts.authError);
    } else if (!isWellFormed) {
      if (valueSize < 0) this.#fail(status.unknownCommand, texts.unknownCommand);
      else this.#fail(status.invalid, texts.invalid);
    } else if (operation === undefined) {
      this.#swallow(bodySize, "unknown");
    } else if (!hasShape(operation, extrasSize, keySize, valueSize)) {
      this.#fail(status.invalid, texts.invalid);
    } else {
      const keyStart = headEnd - keySize;
      this.#key = keySize === 0 ? null : this.#host.keys.find(input, keyStart, headEnd);
      if (operation.action === "put") return this.#readPut(input, at + headerSize, headEnd, valueSize, end);
      this.#read(operation, valueSize);
    }
    return headEnd;
  }

  #readPut(input: Buffer, extrasStart: number, valueStart: number, valueSize: number, end: number): number {
    this.#flags = readUint32(input, extrasStart);
    this.#expirySeconds = signedExpiryOf(readUint32(input, extrasStart + 4));
    const { error } = this.#key!;
    if (error !== null) {
      this.#swallow(valueSize, { kind: "error", error });
    } else if (valueSize > this.#host.limits.itemBytesMax) {
      this.#swallow(valueSize, { kind: "refused", why: "over-limit" });
    } else if (valueStart + valueSize > end) {
      this.#wire.readBody(valueSize);
    } else {
      this.#put(input, valueStart, valueStart + valueSize);
      return valueStart + valueSize;
    }
    return valueStart;
  }

  #put(source: Buffer, start: number, end: number): void {
    put.queue = this.#key!.name;
    put.source = source;
    put.start = start;
    put.end = end;
    put.flags = this.#flags;
    put.expiryMs = this.#expirySeconds === 0 ? 0 : expiryMsOf(this.#expirySeconds, this.#host.clock.now());
    this.#wire.execute(put);
  }

  /** Every request but a put. */
  #read(operation: Operation, valueSize: number): void {
    const key = this.#key;
    switch (operation.action) {
      case "get":
        if (key!.get instanceof KestrelError) this.#refuse(key!.get);
        else this.#wire.execute(key!.get);
        break;
      case "delete":
        if (key!.error !== null) this.#refuse(key!.error);
        else this.#wire.execute({ kind: "delete", queue: key!.name });
        break;
      case "flush-all":
        this.#wire.execute({ kind: "flush-all" });
        break;
      case "stats":
        // memcached has several sets of statistics; ours is one.
        if (key === null) this.#wire.execute({ kind: "stats" });
        else this.#answer(status.notFound, texts.notFound);
        break;
      case "noop":
      case "verbosity":
        this.#answer(status.ok, "");
        break;
      case "version":
        this.#answer(status.ok, version);
        break;
      case "quit":
        if (!operation.isQuiet) this.#answer(status.ok, "");
        this.#wire.close();
        break;
      case "sasl-list":
        this.#answer(status.ok, saslMechanism);
        break;
      case "sasl-auth":
      case "sasl-step":
        if (valueSize > credentialBytesMax) this.#swallow(valueSize, "auth");
        else this.#wire.readBody(valueSize);
        break;
    }
  }

  bodyRead(body: Buffer, start: number, end: number): void {
    if (this.#operation!.action === "put") this.#put(body, start, end);
    else this.#authenticate(body.subarray(start, end));
  }

  bodySwallowed(): void {
    const refusal = this.#refusal;
    this.#refusal = "unknown";
    if (refusal === "unknown") this.#answer(status.unknownCommand, texts.unknownCommand);
    else if (refusal === "auth") this.#answer(status.authError, texts.authError);
    else this.render(refusal);
  }

  bodyRefused(error: KestrelError): void {
    this.#refusal = { kind: "error", error };
  }

  #swallow(size: number, refusal: Reply | "unknown" | "auth"): void {
    this.#refusal = refusal;
    this.#wire.swallowBody(size);
  }

  /** Where nobody is kept out, clients with a user and a password must be able to come in, too. */
  #authenticate(data: Buffer): void {
    const isPlain = this.#operation!.action === "sasl-auth" && this.#key!.name === saslMechanism;
    if (isPlain) this.#wire.execute(parsePlain(data));
    else this.#answer(status.authError, texts.authError);
  }

  // Replies.

  render(reply: Reply): void {
    const { action, isQuiet, echoesKey } = this.#operation!;
    const { output } = this.#wire;
    switch (reply.kind) {
      case "item":
        renderItem(output, this.tag, this.opaque, echoesKey ? this.#key!.bytes : noKey, reply.item);
        break;
      case "nothing":
        if (!isQuiet) this.#miss(echoesKey);
        break;
      case "stored":
        // As memcached has it, a stored item's CAS is not 0 where there is one: here the id that a get tells, too.
        if (!isQuiet) renderHeader(output, this.tag, status.ok, this.opaque, 0, 0, 0, reply.id);
        break;
      case "done":
        if (action === "sasl-auth") this.#answer(status.ok, texts.authenticated);
        else if (!isQuiet) renderHeader(output, this.tag, status.ok, this.opaque, 0, 0, 0, 0);
        break;
      case "refused":
        this.#answer(refusals[reply.why].status, refusals[reply.why].text);
        break;
      case "stats":
        renderStatistics(output, this.tag, this.opaque, reply.statistics);
        break;
      case "error":
        // It may try again.
        if (action === "sasl-auth") this.#answer(status.authError, texts.authError);
        else this.#refuse(reply.error);
        break;
      case "failed":
        this.#answer(status.internalError, reply.message);
        break;
      default:
        throw new Error(`no operation of the binary protocol has the reply ${reply.kind}`);
    }
  }

  #miss(echoesKey: boolean): void {
    if (echoesKey) {
      const { output } = this.#wire;
      const { bytes } = this.#key!;
      renderHeader(output, this.tag, status.notFound, this.opaque, bytes.length, 0, 0, 0);
      output.constant(bytes);
    } else {
      this.#answer(status.notFound, texts.notFound);
    }
  }

  #answer(code: number, text: string): void {
    renderText(this.#wire.output, this.tag, code, this.opaque, text);
  }

  #refuse({ code, message }: KestrelError): void {
    this.#answer(errors[code].status, message);
    if (errors[code].isLast) this.#wire.close();
  }

  /** The last answer of this connection. */
  #fail(code: number, text: string): void {
    this.#answer(code, text);
    this.#wire.close();
  }

  renderFailure(tag: number, opaque: number, error: KestrelError, output: Output): void {
    const { action, isQuiet } = operations[tag]!;
    if (action === "put") renderText(output, tag, errors[error.code].status, opaque, error.message);
    else if (!isQuiet) renderText(output, tag, status.notFound, opaque, texts.notFound);
  }
}

/** Whether these sizes belong to the operation: a frame that has others is not understood at all. */
function hasShape(operation: Operation, extrasSize: number, keySize: number, valueSize: number): boolean {
  const { extrasSizes, key, hasValue } = operation;
  if (!extrasSizes.includes(extrasSize)) return false;
  if (key === "needed" ? keySize === 0 : key === "none" && keySize > 0) return false;
  return hasValue || valueSize === 0;
}
