// A small client for the memcache ASCII protocol's commands that carry no data: stats, flush, status and the
// like. One command at a time over one connection, made on demand and ended when unused. With credentials each
// connection first says who it is. It never repeats a command. Not for items: it reads lines.

import type { Socket } from "node:net";
import { followSignal } from "../follow-signal.ts";
import { connectToNode, type NodeEndpoint } from "../node-socket.ts";
import { describeCause, TransportError, type TransportErrorKind } from "../transport-error.ts";

export interface AsciiConnectionOptions extends NodeEndpoint {
  /** For the connection to be there, TLS included. */
  readonly connectTimeoutMs: number;
  /** For a whole answer to be there, measured from the writing. */
  readonly timeoutMs: number;
  /** The connection is ended after this long without a command. */
  readonly idleMs: number;
  /** A longer answer ends the connection. */
  readonly answerBytesMax: number;
  /** For nodes that have users; those that have none are served all the same. */
  readonly credentials?: { readonly username: string; readonly password: string };
}

interface Command {
  readonly bytes: string;
  /** What is told of it in an error. */
  readonly name: string;
  /** Up to END, one line, or whatever comes until the node ends the connection. */
  readonly shape: "list" | "line" | "rest";
  resolve(lines: string[]): void;
  reject(error: TransportError): void;
}

const COMMANDS_WAITING_MAX = 1_000;
/** No queue can have this name: a node without users refuses it, where it would store the password in another. */
const NO_QUEUE = "~";

/** Sends commands to one node and gives their answers as lines. Rejects with TransportError. */
export class AsciiConnection {
  readonly #options: AsciiConnectionOptions;
  readonly #waiting: Command[] = [];
  #current: Command | undefined;
  #socket: Socket | undefined;
  #isConnected = false;
  #isClosed = false;
  /** The node has no users. */
  #isLoginNeedless = false;
  #timer: NodeJS.Timeout | undefined;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(options: AsciiConnectionOptions) {
    this.#options = options;
  }

  /** A command answered by lines and END, such as `stats` or `flush q`. Gives the lines before END. */
  lines(command: string, signal?: AbortSignal): Promise<string[]> {
    return this.#send(command, "list", signal);
  }

  /** A command answered by one line, such as `version`, `status` or `flush_all`. Gives that line. */
  async line(command: string): Promise<string> {
    return (await this.#send(command, "line"))[0]!;
  }

  /** A command after which the node ends the connection, such as `shutdown`. Gives what it said before. */
  rest(command: string): Promise<string[]> {
    return this.#send(command, "rest");
  }

  /** Ends the connection; commands not answered yet are rejected. */
  close(): void {
    this.#isClosed = true;
    this.#end(new TransportError(this.#isConnected ? "no-answer" : "closed", "the connection was closed"));
  }

  #send(line: string, shape: Command["shape"], signal?: AbortSignal): Promise<string[]> {
    if (/[\r\n]/.test(line)) {
      return Promise.reject(new TransportError("invalid", "a command is one line"));
    }
    if (this.#isClosed) return Promise.reject(new TransportError("closed", "the connection was closed"));
    if (signal?.aborted) return Promise.reject(new TransportError("aborted", "aborted before sending"));
    if (this.#waiting.length >= COMMANDS_WAITING_MAX) {
      return Promise.reject(new TransportError("busy", `${COMMANDS_WAITING_MAX} commands wait already`));
    }
    return new Promise((resolve, reject) => {
      const command: Command = { bytes: `${line}\r\n`, name: `"${line}"`, shape, resolve, reject };
      if (signal !== undefined) followSignal(command, signal, () => this.#takeBack(command));
      this.#waiting.push(command);
      this.#next();
    });
  }

  #takeBack(command: Command): boolean {
    const index = this.#waiting.indexOf(command);
    if (index >= 0) this.#waiting.splice(index, 1);
    return index >= 0;
  }

  #next(): void {
    if (this.#current !== undefined || this.#waiting.length === 0) return;
    if (this.#socket === undefined) {
      this.#connect();
      return;
    }
    if (!this.#isConnected) return;
    this.#write(this.#waiting.shift()!);
  }

  #write(command: Command): void {
    this.#current = command;
    this.#setTimer(this.#options.timeoutMs, () => this.#fallSilent());
    this.#socket!.write(command.bytes);
  }

  /** What comes before any command, if something does. */
  #introduce(): void {
    const { credentials, tls } = this.#options;
    if (credentials !== undefined && !this.#isLoginNeedless) this.#logIn(credentials);
    // Its answer shows that the node has taken our certificate, or wants none.
    else if (tls !== undefined) this.#ask("version\r\n", '"version"', (error) => this.#turnAway(error));
    else this.#next();
  }

  /** Says who we are, as memcached has it: by a first `set`, whose data is user and password. */
  #logIn({ username, password }: NonNullable<AsciiConnectionOptions["credentials"]>): void {
    const data = `${username} ${password}`;
    const bytes = `set ${NO_QUEUE} 0 0 ${Buffer.byteLength(data)}\r\n${data}\r\n`;
    this.#ask(bytes, "user and password", (error) => {
      // Over another connection, since after an error this one may end.
      if (error.kind === "invalid") this.#isLoginNeedless = true;
      else this.#turnAway(error);
    });
  }

  /** Something of our own, answered by one line. */
  #ask(bytes: string, name: string, reject: (error: TransportError) => void): void {
    this.#write({ bytes, name, shape: "line", resolve: () => {}, reject });
  }

  /** Of those that wait nothing was sent. */
  #turnAway(error: TransportError): void {
    const unsent = this.#isClosed ? "closed" : "unreachable";
    const kind = error.kind === "no-answer" ? unsent : error.kind;
    this.#rejectWaiting(new TransportError(kind, error.message, error));
  }

  #rejectWaiting(error: TransportError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #connect(): void {
    const { connectTimeoutMs } = this.#options;
    const socket = connectToNode(this.#options, () => {
      if (socket !== this.#socket) return;
      this.#isConnected = true;
      this.#introduce();
    });
    this.#socket = socket;
    this.#setTimer(connectTimeoutMs, () => this.#fail(`no connection within ${connectTimeoutMs} ms`));
    socket.on("data", (chunk) => socket === this.#socket && this.#receive(chunk));
    socket.on("error", (error) => socket === this.#socket && this.#fail(describeCause(error), error));
    socket.once("close", () => socket === this.#socket && this.#finish());
  }

  #setTimer(ms: number, onOver: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onOver, ms);
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const { answerBytesMax } = this.#options;
    if (this.#size > answerBytesMax) {
      this.#fail(`the answer is longer than ${answerBytesMax} bytes`);
      return;
    }
    // Cheap look first: no answer of any shape ends but at the end of a line.
    if (chunk[chunk.length - 1] !== 0x0a || this.#current === undefined) return;
    const lines = this.#received();
    const last = lines[lines.length - 1];
    if (last === undefined) return;
    if (isErrorLine(last)) {
      const { name, reject } = this.#current;
      this.#current = undefined;
      const kind = kindOf(last);
      // It may have users since we asked.
      if (kind === "unauthorized") this.#isLoginNeedless = false;
      reject(new TransportError(kind, `the node answered ${last} to ${name}`));
      // After an error a node ends the connection: nothing more must be sent over this one.
      this.#end(undefined);
    } else if (this.#current.shape === "line") {
      this.#settle((command) => command.resolve(lines));
    } else if (this.#current.shape === "list" && last === "END") {
      this.#settle((command) => command.resolve(lines.slice(0, -1)));
    }
  }

  #received(): string[] {
    const bytes = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#size);
    this.#chunks = [bytes];
    const lines = bytes.toString("utf8").split(/\r?\n/);
    lines.pop();
    return lines;
  }

  #settle(outcome: (command: Command) => void): void {
    const command = this.#current;
    this.#current = undefined;
    this.#chunks = [];
    this.#size = 0;
    this.#setTimer(this.#options.idleMs, () => this.#end(undefined));
    if (command !== undefined) outcome(command);
    this.#next();
  }

  /** The node has ended the connection. */
  #finish(): void {
    if (this.#current?.shape === "rest") {
      const lines = this.#chunks.length === 0 ? [] : this.#received();
      this.#current.resolve(lines);
      this.#current = undefined;
    }
    this.#fail("the node ended the connection");
  }

  #fail(text: string, cause?: unknown): void {
    this.#end(new TransportError(this.#isConnected ? "no-answer" : "unreachable", text, cause));
  }

  /** Those behind would only wait for as long, one after the other. */
  #fallSilent(): void {
    const error = new TransportError("no-answer", "no answer in time");
    this.#rejectWaiting(new TransportError("unreachable", error.message, error));
    this.#end(error);
  }

  /** Ends this connection. Commands that were never written go over a new one, unless there is none to be had. */
  #end(error: TransportError | undefined): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    const wasConnected = this.#isConnected;
    const current = this.#current;
    this.#socket = undefined;
    this.#isConnected = false;
    this.#current = undefined;
    this.#chunks = [];
    this.#size = 0;
    socket?.destroy();
    if (error !== undefined) {
      current?.reject(error);
      if (!wasConnected || this.#isClosed) {
        const kind = this.#isClosed ? "closed" : error.kind;
        this.#rejectWaiting(new TransportError(kind, error.message, error));
      }
    }
    this.#next();
  }
}

function kindOf(errorLine: string): TransportErrorKind {
  if (/^CLIENT_ERROR (unauthenticated|authentication)\b/.test(errorLine)) return "unauthorized";
  if (/^CLIENT_ERROR not allowed\b/.test(errorLine)) return "forbidden";
  return errorLine.startsWith("SERVER_ERROR") ? "unavailable" : "invalid";
}

function isErrorLine(line: string): boolean {
  return line === "ERROR" || line.startsWith("CLIENT_ERROR") || line.startsWith("SERVER_ERROR");
}
