/**
 * Thrift (docs/protocols.md, kestrel.thrift): frames into requests, replies into frames. One codec for each
 * connection. A call is read whole before anything of it is done. What can't be a call ends the connection; what
 * this server can't do, or doesn't know, is answered with an exception, and the connection lives.
 */
import type { Clock } from "../../clock.ts";
import { KestrelError } from "../../errors.ts";
import type { GatheredItem } from "../../session/gathering.ts";
import type { Reply, Request } from "../../session/request.ts";
import type { Statistic } from "../../stats/statistic.ts";
import { version } from "../../version.ts";
import type { Codec, Wire } from "../codec.ts";
import type { ConnectionLimits } from "../limits.ts";
import type { Output } from "../output.ts";
import { BinaryReader, MalformedFrame } from "./binary-reader.ts";
import { parseHeader } from "./message-header.ts";
import { methods, statuses } from "./methods.ts";
import * as answers from "./thrift-answers.ts";

export interface ThriftHost {
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
}

/** Room in a frame for what is around an item of the largest size. */
export const callBytesBeyondItem: number = 1024 * 1024;

const numbers: ReadonlyMap<string, number> = new Map(methods.map(({ name }, number) => [name, number]));
const notConfigured = 0;
const nothing: Buffer = Buffer.alloc(0);

// One frame is read at a time, so all connections share it.
const reader = new BinaryReader();

/** Arguments of somebody who has not said yet who it is. */
const barredCallBytesMax = 4 * 1024;

/** A method's number and how it was called, for the tag of a pledge. */
const strictMark = 1;
const onewayMark = 2;
const methodShift = 2;

export class ThriftCodec implements Codec {
  readonly #wire: Wire;
  readonly #host: ThriftHost;
  // The call at hand.
  #call: answers.Call = { name: "", isStrict: true, sequenceId: 0 };
  #methodNumber = -1;
  #isOneway = false;
  /** What the swallowed arguments are answered with. */
  #refusal: Exception | null = null;

  constructor(wire: Wire, host: ThriftHost) {
    this.#wire = wire;
    this.#host = host;
  }

  get tag(): number {
    const marks = (this.#call.isStrict ? strictMark : 0) | (this.#isOneway ? onewayMark : 0);
    return (this.#methodNumber << methodShift) | marks;
  }

  get opaque(): number {
    return this.#call.sequenceId;
  }

  readHead(input: Buffer, at: number, end: number): number {
    const header = parseHeader(input, at, end);
    if (header === "partial") return at;
    if (header === "malformed") {
      // Nobody knows to which call an answer would belong.
      this.#wire.close();
      return end;
    }
    const { argumentsStart, frameEnd } = header;
    this.#call = header;
    this.#isOneway = header.isOneway;
    this.#methodNumber = numbers.get(header.name) ?? -1;
    const size = frameEnd - argumentsStart;
    const { isBarred } = this.#wire;
    const callBytesMax = isBarred ? barredCallBytesMax : this.#host.limits.itemBytesMax + callBytesBeyondItem;
    if (this.#methodNumber < 0) {
      const message = `Invalid method name: '${header.name}'`;
      this.#swallow(size, { type: answers.exceptionTypes.unknownMethod, message });
    } else if (isBarred && !methods[this.#methodNumber]!.isOpen) {
      this.#swallow(size, refusal("unauthenticated", "not authenticated"));
    } else if (size > callBytesMax) {
      const message = `a call has at most ${callBytesMax} bytes of arguments, not ${size}`;
      this.#swallow(size, refusal("too-large", message));
    } else if (frameEnd > end) {
      this.#wire.readBody(size);
    } else {
      this.#execute(input, argumentsStart, frameEnd);
      return frameEnd;
    }
    return argumentsStart;
  }

  #swallow(size: number, exception: Exception): void {
    this.#refusal = exception;
    this.#wire.swallowBody(size);
  }

  bodyRead(body: Buffer, start: number, end: number): void {
    this.#execute(body, start, end);
  }

  bodyRefused(error: KestrelError): void {
    this.#refusal = refusal(error.code, error.message);
  }

  bodySwallowed(): void {
    const exception = this.#refusal!;
    this.#refusal = null;
    this.#answerException(exception);
  }

  #execute(input: Buffer, start: number, end: number): void {
    reader.begin(input, start, end);
    const request = this.#readArguments();
    if (request === null) {
      if (!this.#isOneway) answers.renderString(this.#wire.output, this.#call, version);
    } else if (request !== undefined) {
      this.#wire.execute(request);
      // It may be large, and is not needed any more.
      if (request.kind === "put-many") request.source = nothing;
    }
    reader.begin(nothing, 0, 0);
  }

  /** Undefined: they are no good, and this was answered. Null: no queue is needed. */
  #readArguments(): Request | null | undefined {
    const { clock, limits } = this.#host;
    try {
      return methods[this.#methodNumber]!.read(reader, {
        nowMs: clock.now(),
        itemBytesMax: limits.itemBytesMax,
      });
    } catch (error) {
      if (error instanceof KestrelError) {
        this.#refuse(error);
      } else if (error instanceof MalformedFrame) {
        this.#answerException({ type: answers.exceptionTypes.protocolError, message: error.message });
        this.#wire.close();
      } else {
        throw error;
      }
      return undefined;
    }
  }

  // Replies.

  render(reply: Reply): void {
    if (this.#isOneway) return;
    const { output } = this.#wire;
    switch (reply.kind) {
      case "stored-many":
        answers.renderInt32(output, this.#call, reply.length);
        break;
      case "gathered":
        answers.renderItems(output, this.#call, reply.items, reply.firstId);
        break;
      case "number":
        answers.renderInt32(output, this.#call, reply.value);
        break;
      case "inspected":
        answers.renderQueueInfo(output, this.#call, queueInfoOf(reply.head, reply.statistics));
        break;
      case "stats":
        answers.renderStatistics(output, this.#call, reply.statistics);
        break;
      case "groups":
        answers.renderStatistics(output, this.#call, reply.groups[0]?.statistics ?? []);
        break;
      case "done":
        answers.renderVoid(output, this.#call);
        break;
      case "text": {
        const status = statuses.indexOf(reply.text);
        answers.renderInt32(output, this.#call, status < 0 ? notConfigured : status);
        break;
      }
      case "error":
        this.#refuse(reply.error);
        break;
      default:
        throw new Error(`no method has the reply ${reply.kind}`);
    }
  }

  #refuse(error: KestrelError): void {
    this.#answerException(refusal(error.code, error.message));
  }

  #answerException({ type, message, code }: Exception): void {
    if (!this.#isOneway) answers.renderException(this.#wire.output, this.#call, type, message, code);
  }

  renderFailure(tag: number, opaque: number, error: KestrelError, output: Output): void {
    if ((tag & onewayMark) !== 0) return;
    const { name } = methods[tag >> methodShift]!;
    const call = { name, isStrict: (tag & strictMark) !== 0, sequenceId: opaque };
    answers.renderException(output, call, answers.exceptionTypes.internalError, error.message, error.code);
  }
}

/** What a call is answered with in place of a result. */
interface Exception {
  readonly type: number;
  readonly message: string;
  readonly code?: answers.ExceptionCode;
}

function refusal(code: answers.ExceptionCode, message: string): Exception {
  return { type: answers.exceptionTypes.internalError, message, code };
}

function queueInfoOf(head: GatheredItem | null, statistics: readonly Statistic[]): answers.QueueInfo {
  const numberOf = (name: string): number => Number(statistics.find(([known]) => known === name)?.[1] ?? 0);
  return {
    head,
    length: numberOf("items"),
    bytes: numberOf("bytes"),
    journalBytes: numberOf("logsize"),
    ageMs: numberOf("age"),
    waiterLength: numberOf("waiters"),
    openLength: numberOf("open_transactions"),
  };
}
