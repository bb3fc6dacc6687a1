/**
 * Kestrel's text protocol (docs/protocols.md): lines into requests, replies into lines. Items are bytes without a
 * line feed and go through untouched. One codec for each connection.
 */
import type { Clock } from "../../clock.ts";
import type { KestrelError } from "../../errors.ts";
import type { PutManyRequest, Reply, Request } from "../../session/request.ts";
import { version } from "../../version.ts";
import type { Codec, Wire } from "../codec.ts";
import type { ConnectionLimits } from "../limits.ts";
import type { Output } from "../output.ts";
import { decodeUtf8, notUtf8 } from "../utf8.ts";
import { ItemLines } from "./item-lines.ts";
import * as answers from "./text-answers.ts";
import { type Command, commands, parsePut } from "./text-commands.ts";

export interface TextHost {
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
}

const putLengthMax = 1024;

/** Tags of pledges: what to say instead when the records could not be written. */
const putTag = 1;
const getTag = 2;
const monitorTag = 3;
const otherTag = 4;

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const colon = 0x3a;
const space = 0x20;

const authWord = "auth";
/** What one may say besides, who has to say first who it is. */
const openVerbs = ["version", "quit"];

/** Nobody has more reads open. */
const everything = Number.MAX_SAFE_INTEGER;

const noItems: Buffer = Buffer.alloc(0);

// A request is carried out at once, so all connections share it.
const put: PutManyRequest = {
  kind: "put-many",
  queue: "",
  source: noItems,
  bounds: [],
  length: 0,
  expiryMs: 0,
  flags: 0,
  stopsAtRefusal: false,
};

export class TextCodec implements Codec {
  readonly #wire: Wire;
  readonly #host: TextHost;
  tag: number = otherTag;
  readonly opaque = 0;
  /** Items are being read that belong to this line; null: it was no UTF-8. */
  #line: string[] | null = null;
  #items: ItemLines | null = null;
  /** The reads that a get confirms are not spoken of. */
  #isConfirmingEarlier = false;

  constructor(wire: Wire, host: TextHost) {
    this.#wire = wire;
    this.#host = host;
  }

  readHead(input: Buffer, at: number, end: number): number {
    if (this.#items !== null) return this.#readItems(this.#items, input, at, end);
    const feed = findLineFeed(input, at, end);
    if ((feed < 0 ? end : feed) - at > this.#host.limits.lineBytesMax) {
      this.#answerError("Line too long.");
      this.#wire.close();
      return end;
    }
    if (feed < 0) return at;
    this.#readLine(input, at, feed);
    return feed + 1;
  }

  #readLine(input: Buffer, at: number, feed: number): void {
    const isCrLf = feed > at && input[feed - 1] === carriageReturn;
    let end = isCrLf ? feed - 1 : feed;
    while (end > at && input[end - 1] === space) end--;
    const hasItems = end > at && input[end - 1] === colon;
    if (isAuth(input, at, end)) {
      this.#authenticate(input.subarray(at + authWord.length + 1, isCrLf ? feed - 1 : feed));
      return;
    }
    const text = decodeUtf8(input.subarray(at, hasItems ? end - 1 : end));
    const words = text?.split(" ").filter((word) => word !== "") ?? null;
    const isOpen = !hasItems && openVerbs.includes(words?.[0]?.toLowerCase() ?? "");
    if (this.#wire.isBarred && !isOpen) {
      this.#answerError("Not authenticated.");
      this.#wire.close();
      return;
    }
    if (!hasItems) {
      this.#execute(words, null);
      return;
    }
    this.#line = words;
    this.#items = new ItemLines({
      isCrLf,
      lengthMax: putLengthMax,
      bytesMax: this.#host.limits.itemBytesMax,
      keepBytes: (bytes) => this.#wire.keepBytes(bytes),
    });
  }

  /** `user password`; the password is the rest of the line, as it is. */
  #authenticate(words: Buffer): void {
    const at = words.indexOf(space);
    if (at < 0) {
      this.#answerError("User & password required.");
      return;
    }
    const user = words.toString("utf8", 0, at);
    this.tag = otherTag;
    this.#wire.execute({ kind: "authenticate", user, password: Buffer.from(words.subarray(at + 1)) });
  }

  #readItems(items: ItemLines, input: Buffer, at: number, end: number): number {
    const next = items.read(input, at, end);
    if (next < 0) return end;
    this.#items = null;
    this.#execute(this.#line, items);
    this.#wire.keepBytes(0);
    return next;
  }

  #execute(words: readonly string[] | null, items: ItemLines | null): void {
    if (words === null) {
      this.#answerError(notUtf8);
      return;
    }
    const [verb = "", ...args] = words;
    const name = verb.toLowerCase();
    this.tag = otherTag;
    const command = commands[name];
    if (command !== undefined) this.#executeCommand(command, name, args);
    else if (name === "put") this.#put(args, items);
    else this.#executeRest(name);
  }

  #put(args: readonly string[], items: ItemLines | null): void {
    const parsed = parsePut(args, this.#host.clock.now());
    if (typeof parsed === "string") {
      this.#answerError(parsed);
    } else if (items !== null && items.refusal !== null) {
      this.#answerError(items.refusal);
    } else if (items === null || items.length === 0) {
      this.#wire.output.constant(answers.zero);
    } else {
      put.queue = parsed.queue;
      put.expiryMs = parsed.expiryMs;
      put.source = items.bytes;
      put.bounds = items.bounds;
      put.length = items.length;
      this.tag = putTag;
      this.#wire.execute(put);
      // It may be large, and is not needed any more.
      put.source = noItems;
    }
  }

  #executeCommand(command: Command, name: string, args: readonly string[]): void {
    const request = command.parse(args);
    if (typeof request === "string") {
      this.#answerError(request);
      return;
    }
    if (command.confirmsEarlier) this.#confirmEarlier(args[0]!);
    if (name === "get" || name === "peek") this.tag = getTag;
    else if (name === "monitor") this.tag = monitorTag;
    this.#wire.execute(request);
  }

  #confirmEarlier(queue: string): void {
    this.#isConfirmingEarlier = true;
    const request: Request = { kind: "confirm", queue, length: everything };
    this.#wire.execute(request);
    this.#isConfirmingEarlier = false;
  }

  /** What no queue has to do with. */
  #executeRest(name: string): void {
    switch (name) {
      case "version":
        answers.renderText(this.#wire.output, version);
        break;
      case "quit":
        this.#wire.output.constant(answers.zero);
        this.#wire.close();
        break;
      case "shutdown":
        this.#wire.execute({ kind: "shutdown" });
        this.#wire.close();
        break;
      default:
        this.#answerError(`Unknown command: ${name}`);
    }
  }

  #answerError(message: string): void {
    answers.renderError(this.#wire.output, message);
  }

  // Only requests with bodies of a known size have any.

  bodyRead(): void {}

  bodySwallowed(): void {}

  bodyRefused(): void {}

  render(reply: Reply): void {
    const { output } = this.#wire;
    switch (reply.kind) {
      case "stored-many":
        answers.renderNumber(output, reply.length);
        break;
      case "item":
        answers.renderItem(output, reply.item.buffer, reply.item.start, reply.item.end);
        break;
      case "nothing":
        output.constant(answers.nothing);
        break;
      case "confirmed":
        if (this.#isConfirmingEarlier) break;
        if (reply.length > 0) answers.renderNumber(output, reply.length);
        else output.constant(answers.notOpen);
        break;
      case "done":
        output.constant(answers.zero);
        break;
      case "text":
        answers.renderText(output, reply.text);
        break;
      case "error":
        this.#answerError(reply.error.message);
        break;
      default:
        throw new Error(`no request of the text protocol has the reply ${reply.kind}`);
    }
  }

  renderFailure(tag: number, _opaque: number, error: KestrelError, output: Output): void {
    if (tag === putTag) answers.renderError(output, error.message);
    else if (tag === getTag) output.constant(answers.nothing);
  }
}

/** A password is not to be taken for the words of anything else. */
function isAuth(input: Buffer, at: number, end: number): boolean {
  const { length } = authWord;
  if (end - at <= length || input[at + length] !== space) return false;
  return input.toString("latin1", at, at + length).toLowerCase() === authWord;
}

/** Offset of the next line feed in `input[at, end)`; -1 when there is none. */
function findLineFeed(input: Buffer, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    if (input[i] === lineFeed) return i;
  }
  return -1;
}
