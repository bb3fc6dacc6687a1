// The only file that knows memjs. One memjs Server with one Client is one TCP connection is one Kestrel
// session: connected once, thrown away after any failure, never repaired.
//
// memjs 1.3.2 authenticates, numbers requests and parses replies. It knows no TLS, and what it does about failures loses,
// doubles or hangs requests (it retries, reconnects under the same state, keeps half a reply, forgets requests when
// the peer closes), so all of that is taken from it: `sock`, `error` and `write` are replaced, and with them its
// time-outs; the socket is made and watched here. Every request settles exactly once.

import type { Socket } from "node:net";
import memjs from "memjs";
import { type Connecting, untilReady } from "../connecting.ts";
import { connectToNode, type NodeEndpoint } from "../node-socket.ts";
import { SilenceWatch } from "../silence-watch.ts";
import { describeCause, describeEnd, TransportError } from "../transport-error.ts";
import { writeTogether } from "../write-together.ts";
import { ReplyBuffer } from "./reply-buffer.ts";
import { renderRequestHead } from "./request-head.ts";

export interface ConnectionOptions extends NodeEndpoint {
  /** For the connection to be there, TLS and authentication included. */
  readonly connectTimeoutMs: number;
  /** A reply announced larger than this ends the connection. */
  readonly replyBytesMax: number;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** The number of the request before the first one; for tests that want to see it wrap. */
  readonly sequence?: number;
}

/** One reply, whatever its status. The buffers may be parts of a larger one; they are never written again. */
export interface Reply {
  readonly status: number;
  readonly extras: Buffer;
  readonly value: Buffer;
}

interface PendingRequest {
  resolve(reply: Reply): void;
  reject(error: TransportError): void;
  /** What the answer may take, counted from the writing. */
  readonly timeoutMs: number;
  /** On the clock of performance.now(). */
  deadline: number;
}

const VERSION_OPCODE = 0x0b;
const KEEP_ALIVE_MS = 30_000;
const SEQUENCE_MAX = 0x7fff_ffff;
/** What a large item may take on its way, on top of a time-out: a slow link, but not a dead one. */
const BYTES_PER_MS = 1_000;

export class MemjsConnection {
  readonly #server: InstanceType<typeof memjs.Server>;
  readonly #client: InstanceType<typeof memjs.Client>;
  readonly #socket: Socket;
  readonly #replies: ReplyBuffer;
  readonly #pending = new Map<number, PendingRequest>();
  /** Those of them that were made in this turn of the event loop. */
  #unwritten: PendingRequest[] = [];
  /** Their bytes, in pieces. */
  #frames: Buffer[] = [];
  /** The number of the request before the first one. */
  readonly #sequenceBefore: number;
  readonly #endListeners: ((error: TransportError | undefined) => void)[] = [];
  #state: "connecting" | "ready" | "ended" = "connecting";
  readonly #silence: SilenceWatch = new SilenceWatch(
    () => this.#pending.values(),
    () => this.#end(new Error("no answer in time")),
  );
  #settleConnect: ((error?: TransportError) => void) | undefined;

  /**
   * Resolves with a connection ready for requests. Rejects with `unreachable` when there is none within
   * connectTimeoutMs, `unauthorized` when the node doesn't take the credentials, `aborted` on the signal.
   */
  static async connect(options: ConnectionOptions, signal?: AbortSignal): Promise<MemjsConnection> {
    if (signal?.aborted) throw new TransportError("aborted", "aborted before connecting");
    const connection = new MemjsConnection(options);
    const connecting: Connecting = {
      open: (settle) => connection.#open(settle),
      giveUp: (cause) => connection.#giveUpConnecting(cause),
    };
    await untilReady(connecting, options.connectTimeoutMs, signal);
    return connection;
  }

  private constructor(options: ConnectionOptions) {
    const server = new memjs.Server(options.host, options.port, "", "", {});
    // Not what memjs found in MEMCACHIER_USERNAME and the like.
    server.username = options.credentials?.username;
    server.password = options.credentials?.password;
    server.error = (cause) => this.#end(cause);
    server.appendToBuffer = (chunk) => this.#append(chunk);
    server.write = (request) => void this.#frames.push(request);
    // What memjs still writes by itself is authentication.
    server.sock = (_isSasl, use) => use(this.#socket);
    server.once("authenticated", () => this.#becomeReady());
    this.#replies = new ReplyBuffer(options.replyBytesMax);
    this.#server = server;
    this.#client = new memjs.Client([server], { retries: 1, failover: false, logger: { log() {} } });
    this.#client.incrSeq = function incrSeq(): void {
      // memjs's own turns negative after 2^31 requests, and then throws.
      this.seq = this.seq >= SEQUENCE_MAX ? 1 : this.seq + 1;
    };
    this.#sequenceBefore = options.sequence ?? 0;
    this.#client.seq = this.#sequenceBefore;
    this.#socket = connectToNode(options, () => this.#introduce(options));
  }

  #open(settle: (error?: TransportError) => void): void {
    this.#settleConnect = settle;
    const socket = this.#socket;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (chunk) => this.#server.responseHandler(chunk));
    socket.on("error", (error) => this.#end(error));
    // After the peer's end there is nothing to wait for, in particular not for requests in flight; but before TLS is
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

  /** Requests written and not yet answered. */
  get pendingLength(): number {
    return this.#pending.size;
  }

  /** Calls back once, when the connection has ended: with the error if requests were lost by it. */
  onEnd(listener: (error: TransportError | undefined) => void): void {
    this.#endListeners.push(listener);
  }

  /**
   * Sends one request and gives its reply, whatever the status. Rejects with `no-answer` when the connection
   * ends first, or when the reply isn't there after timeoutMs and nothing at all was heard for as long (then
   * the connection is ended: what would come later is nobody's), with `unreachable` when the connection had
   * ended before, and with `unauthorized`.
   */
  request(
    opcode: number,
    key: string,
    extras: Buffer | undefined,
    value: Buffer | undefined,
    timeoutMs: number,
  ): Promise<Reply> {
    if (this.#state !== "ready") {
      return Promise.reject(new TransportError("unreachable", "the connection had ended"));
    }
    const client = this.#client;
    client.incrSeq();
    const sequence = client.seq;
    const valueSize = value?.length ?? 0;
    const head = renderRequestHead(opcode, key, extras, valueSize, sequence);
    return new Promise((resolve, reject) => {
      const pending: PendingRequest = {
        resolve,
        reject,
        timeoutMs: timeoutMs + valueSize / BYTES_PER_MS,
        deadline: Number.POSITIVE_INFINITY,
      };
      this.#pending.set(sequence, pending);
      this.#writeInThisTurn(pending);
      client.perform(key, head, sequence, (_error, response) => {
        // A failure comes through #end, which has emptied the map; here are only replies.
        if (response === null || !this.#pending.delete(sequence)) return;
        resolve({
          status: response.header.status,
          extras: response.extras,
          value: response.val,
        });
      });
      if (valueSize > 0) this.#frames.push(value!);
    });
  }

  /** Ends the connection at once. Open reads go back to their queues; pending requests get `no-answer`. */
  destroy(): void {
    this.#end(undefined);
  }

  #introduce({ credentials, tls }: ConnectionOptions): void {
    if (credentials !== undefined) {
      this.#server.listSasl();
    } else if (tls !== undefined) {
      // Its answer shows that the node has taken our certificate, or wants none. No request has the number 0.
      this.#server.onResponse(0, () => this.#becomeReady());
      this.#socket.write(renderRequestHead(VERSION_OPCODE, "", undefined, 0, 0));
    } else {
      this.#becomeReady();
    }
  }

  #becomeReady(): void {
    if (this.#state !== "connecting") return;
    this.#state = "ready";
    this.#settleConnect?.();
  }

  /** memjs's hook for received bytes: gives what memjs is to parse now. */
  #append(chunk: Buffer): Buffer {
    this.#silence.heard();
    const bytes = this.#replies.append(this.#server.responseBuffer, chunk);
    this.#server.responseBuffer = bytes;
    // After memjs has parsed the good bytes before it.
    if (this.#replies.failure !== undefined) queueMicrotask(() => this.#end(this.#replies.failure));
    return bytes;
  }

  /** All requests of one turn of the event loop leave in one system call. Their time runs from then. */
  #writeInThisTurn(pending: PendingRequest): void {
    if (this.#unwritten.push(pending) > 1) return;
    process.nextTick(() => {
      const frames = this.#frames;
      this.#frames = [];
      if (this.#state === "ended") return;
      writeTogether(this.#socket, frames);
      const now = performance.now();
      for (const written of this.#unwritten) {
        written.deadline = now + written.timeoutMs;
        this.#silence.lookAt(written.deadline);
      }
      this.#unwritten = [];
    });
  }

  /** The one way out: settles everything, whatever the reason, and leaves memjs nothing to act upon. */
  #end(cause: unknown): void {
    if (this.#state === "ended") return;
    const wasConnecting = this.#state === "connecting";
    this.#state = "ended";
    this.#silence.stop();
    this.#socket.destroy();
    const hadPending = this.#pending.size > 0;
    const isFirst = this.#pending.has(this.#sequenceBefore + 1);
    const error = wasConnecting ? connectError(cause) : requestError(cause, isFirst);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#settleConnect?.(error);
    for (const listener of this.#endListeners) listener(hadPending ? error : undefined);
  }
}

/** memjs reports a refused authentication as this string, and nothing else as a string. */
function isAuthenticationFailure(cause: unknown): boolean {
  return typeof cause === "string";
}

function connectError(cause: unknown): TransportError {
  if (cause instanceof TransportError && cause.kind !== "no-answer") return cause;
  if (isAuthenticationFailure(cause)) return new TransportError("unauthorized", "credentials refused");
  const reason = cause === undefined ? "connection closed before it was ready" : describeCause(cause);
  return new TransportError("unreachable", reason, cause);
}

function requestError(cause: unknown, isFirst: boolean): TransportError {
  if (cause instanceof TransportError) return cause;
  if (isAuthenticationFailure(cause)) return new TransportError("unauthorized", "authentication required");
  const reason = cause === undefined ? describeEnd(isFirst) : describeCause(cause);
  return new TransportError("no-answer", reason, cause);
}
