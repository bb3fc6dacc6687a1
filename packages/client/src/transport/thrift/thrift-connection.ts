// One connection that speaks framed thrift: connected once, thrown away after any failure, never repaired. Calls are
// answered in their order. Every call settles exactly once; all calls of one turn leave in one write.

import type { Socket } from "node:net";
import { type Connecting, untilReady } from "../connecting.ts";
import { connectToNode, type NodeEndpoint } from "../node-socket.ts";
import { SilenceWatch } from "../silence-watch.ts";
import { describeCause, describeEnd, TransportError } from "../transport-error.ts";
import { writeTogether } from "../write-together.ts";
import { AnswerReader, MalformedAnswer } from "./answer-reader.ts";
import { numberCall } from "./call-writer.ts";
import { authenticateCall, type Call, versionCall } from "./calls.ts";
import { FrameBuffer } from "./frame-buffer.ts";
import { RefusedCall, readRefusal } from "./refused-call.ts";

export interface ThriftConnectionOptions extends NodeEndpoint {
  /** For the connection to be there, TLS and authentication included. */
  readonly connectTimeoutMs: number;
  /** An answer announced larger than this ends the connection. */
  readonly answerBytesMax: number;
  readonly credentials?: { readonly username: string; readonly password: string };
}

interface PendingCall {
  readonly call: Call<unknown>;
  readonly sequence: number;
  resolve(value: unknown): void;
  reject(error: TransportError): void;
  readonly timeoutMs: number;
  deadline: number;
}

/** Nobody else sees the calls before this is `ready`; after `end()` only answers come. */
type State = "connecting" | "ready" | "ending" | "ended";

const KEEP_ALIVE_MS = 30_000;
const SEQUENCE_MAX = 0x7fff_ffff;
/** What a large call may take on its way, on top of a time-out: a slow link, but not a dead one. */
const BYTES_PER_MS = 1_000;
/** How long a node may take to end a connection after we have. */
const ENDING_MS = 1_000;

export class ThriftConnection {
  readonly #options: ThriftConnectionOptions;
  readonly #socket: Socket;
  readonly #frames: FrameBuffer;
  /** In the order in which they are answered. */
  readonly #pending = new Set<PendingCall>();
  readonly #silence: SilenceWatch = new SilenceWatch(
    () => this.#pending,
    () => this.#end(new Error("no answer in time")),
  );
  /** Made in this turn of the event loop. */
  #unwritten: PendingCall[] = [];
  readonly #endListeners: ((error: TransportError | undefined) => void)[] = [];
  #state: State = "connecting";
  #sequence = 0;
  #endingTimer: NodeJS.Timeout | undefined;
  #settleConnect: ((error?: TransportError) => void) | undefined;

  /**
   * Resolves with a connection ready for calls. Rejects with `unreachable` when there is none within
   * connectTimeoutMs, `unauthorized` when the node doesn't take the credentials, `aborted` on the signal.
   */
  static async connect(options: ThriftConnectionOptions, signal?: AbortSignal): Promise<ThriftConnection> {
    if (signal?.aborted) throw new TransportError("aborted", "aborted before connecting");
    const connection = new ThriftConnection(options);
    const connecting: Connecting = {
      open: (settle) => connection.#open(settle),
      giveUp: (cause) => connection.#giveUpConnecting(cause),
    };
    await untilReady(connecting, options.connectTimeoutMs, signal);
    return connection;
  }

  private constructor(options: ThriftConnectionOptions) {
    this.#options = options;
    this.#frames = new FrameBuffer(options.answerBytesMax);
    this.#socket = connectToNode(options, () => void this.#introduce());
  }

  #open(settle: (error?: TransportError) => void): void {
    this.#settleConnect = settle;
    const socket = this.#socket;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.#end(error));
    // After the peer's end there is nothing to wait for, in particular not for calls in flight; but before TLS is
    // agreed on, an error that says so.
    socket.once("end", () => this.#state !== "connecting" && this.#end(undefined));
    socket.once("close", () => this.#end(undefined));
  }

  #giveUpConnecting(cause: Error): void {
    if (this.#state === "connecting") this.#end(cause);
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Calls back once, when the connection has ended: with the error if calls were lost by it. */
  onEnd(listener: (error: TransportError | undefined) => void): void {
    this.#endListeners.push(listener);
  }

  /**
   * Makes one call and gives its result. Rejects with RefusedCall when the node answers with an exception, with
   * `no-answer` when the connection ends first, or when the answer isn't there after timeoutMs and nothing at all
   * was heard for as long (then the connection is ended), with `unreachable` when it had ended before.
   */
  call<T>(call: Call<T>, timeoutMs: number): Promise<T> {
    if (this.#state !== "ready") {
      return Promise.reject(new TransportError("unreachable", "the connection had ended"));
    }
    return this.#send(call, timeoutMs);
  }

  /** Sends what was called, makes no more calls, and lets the node end the connection; answers still come. */
  end(): void {
    if (this.#state !== "ready") return;
    this.#state = "ending";
    // Behind the calls of this turn.
    process.nextTick(() => this.#socket.end());
    this.#endingTimer = setTimeout(() => this.#end(undefined), ENDING_MS);
  }

  /** Ends the connection at once; pending calls get `no-answer`. */
  destroy(): void {
    this.#end(undefined);
  }

  async #introduce(): Promise<void> {
    const { credentials, connectTimeoutMs, tls } = this.#options;
    try {
      if (credentials !== undefined)
        await this.#send(authenticateCall(credentials.username, credentials.password), connectTimeoutMs);
      // Its answer shows that the node has taken our certificate, or wants none.
      else if (tls !== undefined) await this.#send(versionCall(), connectTimeoutMs);
    } catch (error) {
      // A node that knows no such call asks nobody who he is.
      if (!(error instanceof RefusedCall && error.isUnknownMethod)) {
        this.#end(error instanceof RefusedCall ? new TransportError("unauthorized", error.message) : error);
        return;
      }
    }
    if (this.#state !== "connecting") return;
    this.#state = "ready";
    this.#settleConnect?.();
  }

  #send<T>(call: Call<T>, timeoutMs: number): Promise<T> {
    this.#sequence = this.#sequence >= SEQUENCE_MAX ? 1 : this.#sequence + 1;
    numberCall(call.frame, call.name, this.#sequence);
    return new Promise<T>((resolve, reject) => {
      const pending: PendingCall = {
        call,
        sequence: this.#sequence,
        resolve: resolve as (value: unknown) => void,
        reject,
        timeoutMs: timeoutMs + call.frame.length / BYTES_PER_MS,
        deadline: Number.POSITIVE_INFINITY,
      };
      this.#pending.add(pending);
      if (this.#unwritten.push(pending) === 1) process.nextTick(() => this.#write());
    });
  }

  /** Time runs from here. */
  #write(): void {
    const calls = this.#unwritten;
    this.#unwritten = [];
    if (this.#state === "ended") return;
    const frames = calls.map(({ call }) => call.frame);
    writeTogether(this.#socket, frames);
    const now = performance.now();
    for (const pending of calls) {
      pending.deadline = now + pending.timeoutMs;
      this.#silence.lookAt(pending.deadline);
    }
  }

  #receive(chunk: Buffer): void {
    this.#silence.heard();
    this.#frames.append(chunk);
    try {
      while (this.#state !== "ended") {
        const frame = this.#frames.next();
        if (frame === undefined) return;
        this.#settle(frame);
      }
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
      this.#end(new TransportError("no-answer", `the node sent what is no answer: ${error.message}`));
    }
  }

  /** Throws MalformedAnswer. */
  #settle(frame: Buffer): void {
    const [pending] = this.#pending;
    if (pending === undefined) throw new MalformedAnswer("nobody has asked");
    const { call, sequence } = pending;
    const reader = new AnswerReader(frame);
    const header = reader.header();
    if (header.name !== call.name || header.sequence !== sequence) {
      throw new MalformedAnswer(`${header.name} ${header.sequence} in place of ${call.name} ${sequence}`);
    }
    const answer = header.isException ? readRefusal(reader) : call.read(reader);
    this.#pending.delete(pending);
    if (answer instanceof RefusedCall) pending.reject(answer);
    else pending.resolve(answer);
  }

  /** The one way out: settles everything, whatever the reason. */
  #end(cause: unknown): void {
    if (this.#state === "ended") return;
    const wasConnecting = this.#state === "connecting";
    this.#state = "ended";
    clearTimeout(this.#endingTimer);
    this.#silence.stop();
    this.#frames.clear();
    this.#socket.destroy();
    const hadPending = this.#pending.size > 0;
    const [first] = this.#pending;
    const isFirst = first?.sequence === 1;
    const error = wasConnecting ? connectError(cause) : callError(cause, isFirst);
    for (const { reject } of this.#pending) reject(error);
    this.#pending.clear();
    this.#settleConnect?.(error);
    for (const listener of this.#endListeners) listener(hadPending ? error : undefined);
  }
}

function connectError(cause: unknown): TransportError {
  if (cause instanceof TransportError && cause.kind !== "no-answer") return cause;
  const reason = cause === undefined ? "connection closed before it was ready" : describeCause(cause);
  return new TransportError("unreachable", reason, cause);
}

function callError(cause: unknown, isFirst: boolean): TransportError {
  if (cause instanceof TransportError) return cause;
  const reason = cause === undefined ? describeEnd(isFirst) : describeCause(cause);
  return new TransportError("no-answer", reason, cause);
}
