/**
 * The memcache ASCII protocol as Kestrel speaks it (docs/protocols.md): lines into requests, replies into lines.
 * One codec for each connection.
 */
import { KestrelError } from "../../errors.ts";
import type { PutRequest, Reply } from "../../session/request.ts";
import { version } from "../../version.ts";
import type { Codec, Wire } from "../codec.ts";
import type { Output } from "../output.ts";
import { decodeUtf8, notUtf8 } from "../utf8.ts";
import * as answers from "./ascii-answers.ts";
import { type Command, commands, parseCount } from "./ascii-commands.ts";
import { AsciiExchange } from "./ascii-exchange.ts";
import { findLineEnd, findLineFeed, lineEndSize, Words } from "./ascii-words.ts";
import { credentialBytesMax, parseAsciiCredentials } from "./credentials.ts";
import { expiryMsOf } from "./expiry.ts";
import type { MemcacheHost } from "./memcache-host.ts";

/** What the next bytes are. */
type Stage =
  | "request"
  /** Further keys of a get. */
  | "keys"
  /** The line end behind a body that came in pieces, or was swallowed. */
  | "body end";

/** Tags of pledges: what to say instead when the records could not be written. */
const quietTag = 0;
const putTag = 1;
const getTag = 2;
const getMoreTag = 3;

const flagsMax = 0xffff_ffff;
/** No item is announced as larger than this by somebody who means it. */
const announcedBytesMax = 0x7fff_ffff;

// One line is read at a time, so all connections share these.
const words = new Words();
const put: PutRequest = {
  kind: "put",
  queue: "",
  source: Buffer.alloc(0),
  start: 0,
  end: 0,
  flags: 0,
  expiryMs: 0,
};

export class AsciiCodec implements Codec {
  readonly #wire: Wire;
  readonly #host: MemcacheHost;
  /** The request at hand and its answer. */
  readonly #exchange: AsciiExchange;
  #stage: Stage = "request";
  tag: number = quietTag;
  readonly opaque = 0;

  /** Bytes up to the line feed, while there are further keys. */
  #lineLeft = 0;

  // A put whose body is still to come.
  #flags = 0;
  #expirySeconds = 0;
  #body: Buffer | null = null;
  #bodyStart = 0;
  #bodyEnd = 0;
  /** It is user and password, and no item. */
  #isAuthentication = false;
  /** What the swallowed body is answered with. */
  #refusal: Reply | null = null;

  constructor(wire: Wire, host: MemcacheHost) {
    this.#wire = wire;
    this.#host = host;
    this.#exchange = new AsciiExchange(wire);
  }

  readHead(input: Buffer, at: number, end: number): number {
    if (this.#stage === "keys") return this.#readKey(input, at, at + this.#lineLeft);
    const feed = findLineFeed(input, at, end);
    if ((feed < 0 ? end : feed) - at > this.#host.limits.lineBytesMax) {
      this.#exchange.fail(answers.lineTooLong);
      return end;
    }
    if (feed < 0) return at;
    const lineEnd = findLineEnd(input, at, feed);
    if (this.#stage === "body end") {
      this.#endBody(lineEnd === at);
      return feed + 1;
    }
    words.begin(input, at, lineEnd);
    words.next();
    this.#exchange.isQuiet = false;
    this.tag = quietTag;
    if (this.#wire.isBarred) {
      this.#readBarred(input.toString("latin1", words.start, lineEnd));
      return feed + 1;
    }
    if (words.is("set")) return this.#readSet(input, feed + 1, end);
    const isGet = words.is("get");
    if (isGet || words.is("gets")) {
      this.#exchange.hasId = !isGet;
      this.#exchange.isLineRefused = false;
      return this.#readKey(input, words.end, feed);
    }
    const verb = input.toString("latin1", words.start, words.end).toLowerCase();
    this.#readCommand(verb, input.subarray(words.end, lineEnd));
    return feed + 1;
  }

  // Puts.

  /** `set <queue> <flags> <expiry> <bytes> [noreply]`; the words behind `set` are next. */
  #readSet(input: Buffer, bodyStart: number, end: number): number {
    words.next();
    const key = this.#host.keys.find(input, words.start, words.end);
    words.next();
    const flags = words.number();
    words.next();
    const expirySeconds = words.number();
    words.next();
    const size = words.number();
    this.#exchange.isQuiet = words.next() && words.is("noreply");
    const isWellFormed = size >= 0 && size <= announcedBytesMax && flags >= 0 && flags <= flagsMax;
    if (!isWellFormed || Number.isNaN(expirySeconds)) {
      // What follows may be data or not: nothing of it can be trusted to be a command.
      this.#exchange.fail(answers.clientError);
      return bodyStart;
    }
    this.tag = this.#exchange.isQuiet ? quietTag : putTag;
    this.#exchange.key = key;
    this.#flags = flags;
    this.#expirySeconds = expirySeconds;
    if (key.error !== null) {
      this.#swallow(size, { kind: "error", error: key.error });
      return bodyStart;
    }
    if (size > this.#host.limits.itemBytesMax) {
      this.#swallow(size, { kind: "refused", why: "over-limit" });
      return bodyStart;
    }
    const bodyEnd = bodyStart + size;
    const tailSize = lineEndSize(input, bodyEnd, end);
    if (tailSize === 0) {
      this.#wire.readBody(size);
      return bodyStart;
    }
    this.#put(input, bodyStart, bodyEnd);
    return bodyEnd + tailSize;
  }

  /** Of who has to say first who it is. As memcached has it, a `set` does: its data is the user and the password. */
  #readBarred(line: string): void {
    const [verb = "", ...args] = line.toLowerCase().split(/ +/);
    const size = parseCount(args[3]);
    if (verb === "set" && size !== undefined && size <= credentialBytesMax) {
      this.#isAuthentication = true;
      this.#wire.readBody(size);
    } else if (verb === "version" || verb === "quit") {
      this.#readRest(verb, args);
    } else {
      this.#exchange.fail(answers.unauthenticated);
    }
  }

  #swallow(size: number, refusal: Reply): void {
    this.#refusal = refusal;
    this.#wire.swallowBody(size);
  }

  #put(source: Buffer, start: number, end: number): void {
    put.queue = this.#exchange.key!.name;
    put.source = source;
    put.start = start;
    put.end = end;
    put.flags = this.#flags;
    put.expiryMs = this.#expirySeconds === 0 ? 0 : expiryMsOf(this.#expirySeconds, this.#host.clock.now());
    this.#wire.execute(put);
  }

  bodyRead(body: Buffer, start: number, end: number): void {
    this.#body = body;
    this.#bodyStart = start;
    this.#bodyEnd = end;
    this.#stage = "body end";
  }

  bodySwallowed(): void {
    this.#stage = "body end";
  }

  bodyRefused(error: KestrelError): void {
    this.#refusal = { kind: "error", error };
  }

  #endBody(isEmptyLine: boolean): void {
    this.#stage = "request";
    const body = this.#body;
    const refusal = this.#refusal;
    const isAuthentication = this.#isAuthentication;
    this.#body = null;
    this.#refusal = null;
    this.#isAuthentication = false;
    if (!isEmptyLine) this.#exchange.fail(answers.badDataChunk);
    else if (refusal !== null) this.#exchange.render(refusal);
    else if (isAuthentication) this.#authenticate(body!.subarray(this.#bodyStart, this.#bodyEnd));
    else this.#put(body!, this.#bodyStart, this.#bodyEnd);
  }

  #authenticate(data: Buffer): void {
    this.#exchange.done = answers.stored;
    this.#wire.execute(parseAsciiCredentials(data));
  }

  // Gets.

  /** Reads the next key of a line that ends with the line feed at `feed`. */
  #readKey(input: Buffer, at: number, feed: number): number {
    words.begin(input, at, findLineEnd(input, at, feed));
    words.next();
    const { start, end } = words;
    this.#exchange.isLastKey = !words.next();
    const key = start === end ? null : this.#host.keys.find(input, start, end);
    this.#exchange.key = key;
    this.tag = this.#exchange.isLastKey ? getTag : getMoreTag;
    if (key === null) this.#exchange.renderMalformed();
    else if (key.get instanceof KestrelError) this.#exchange.refuse(key.get);
    else this.#wire.execute(key.get);
    if (this.#exchange.isLastKey || this.#exchange.isLineRefused) {
      this.#stage = "request";
      return feed + 1;
    }
    this.#stage = "keys";
    this.#lineLeft = feed - end;
    return end;
  }

  // Everything else.

  #readCommand(verb: string, rest: Buffer): void {
    const text = decodeUtf8(rest);
    // Whatever bytes are in a line, its other words say if it is to be answered, and how much data is behind it.
    const args = (text ?? rest.toString("latin1")).split(" ").filter((word) => word !== "");
    const command = commands[verb];
    if (command === undefined) this.#readRest(verb, args);
    else this.#execute(command, args, text !== undefined);
  }

  #execute(command: Command, args: readonly string[], isUtf8: boolean): void {
    this.#exchange.isQuiet = command.mayBeQuiet === true && args.at(-1) === "noreply";
    this.#exchange.done = command.done ?? answers.end;
    const request = command.parse(args);
    if (!isUtf8) {
      this.#exchange.refuse(new KestrelError("bad-name", notUtf8));
    } else if (request === undefined) {
      this.#exchange.renderMalformed();
    } else {
      if (request.kind === "monitor") this.#beginMonitor(request.queue);
      this.#wire.execute(request);
    }
  }

  /** What no queue has to do with. */
  #readRest(verb: string, args: readonly string[]): void {
    switch (verb) {
      case "version":
        answers.renderLine(this.#wire.output, `VERSION ${version}`);
        break;
      case "verbosity":
        this.#exchange.isQuiet = args.at(-1) === "noreply";
        if (args.length !== 1 || parseCount(args[0]) === undefined) this.#exchange.renderMalformed();
        else this.#wire.output.constant(answers.ok);
        break;
      case "quit":
        if (args.length === 0) this.#wire.close();
        else this.#exchange.renderMalformed();
        break;
      case "shutdown":
        this.#exchange.done = answers.nothing;
        this.#wire.execute({ kind: "shutdown" });
        this.#wire.close();
        break;
      case "add":
      case "replace":
      case "append":
      case "prepend":
      case "cas":
        this.#passStorage(verb, args[3]);
        break;
      default:
        this.#exchange.fail(answers.clientError);
    }
  }

  #beginMonitor(queue: string): void {
    const name = Buffer.from(queue);
    this.#exchange.key = this.#host.keys.find(name, 0, name.length);
    this.#exchange.hasId = false;
    this.#exchange.isLastKey = true;
    // Should an item turn out not to be there, nothing is said: an END alone would be the end of the monitor.
    this.tag = getMoreTag;
  }

  /** Not ours, but what follows is data and must not be taken for commands. */
  #passStorage(verb: string, size: string | undefined): void {
    const bytes = parseCount(size);
    if (bytes === undefined || bytes > announcedBytesMax) {
      this.#exchange.fail(answers.clientError);
    } else {
      this.#swallow(bytes, {
        kind: "error",
        error: new KestrelError("bad-request", `there is no ${verb} here`),
      });
    }
  }

  render(reply: Reply): void {
    this.#exchange.render(reply);
  }

  renderFailure(tag: number, _opaque: number, error: KestrelError, output: Output): void {
    if (tag === putTag) answers.renderError(output, error);
    else if (tag === getTag) output.constant(answers.end);
  }
}
