/** A protocol, and what it sees of the connection that it serves: one codec for each connection. */
import type { KestrelError } from "../errors.ts";
import type { Reply, Request } from "../session/request.ts";
import type { Output } from "./output.ts";

/** Reads requests out of bytes and writes replies as bytes. Knows no queue and no socket. */
export interface Codec {
  /**
   * Reads one request, or the next part of one, from `input[at, end)` and passes it to the wire. Returns where
   * it ended; `at` when it is not whole yet. Keeps nothing of `input` that it has not copied.
   */
  readHead(input: Buffer, at: number, end: number): number;
  /** The body asked for is whole: `body[start, end)`, valid until the next request has been executed. */
  bodyRead(body: Buffer, start: number, end: number): void;
  /** The body has passed by: it was to be swallowed, or else there was no memory to keep it. */
  bodySwallowed(): void;
  /** There is no memory for the body at hand; it is being swallowed. */
  bodyRefused(error: KestrelError): void;
  /** Writes a reply to the request last passed to the wire. */
  render(reply: Reply): void;
  /** Two numbers that `renderFailure` needs to know of that request. */
  readonly tag: number;
  readonly opaque: number;
  /** Writes the answer to a request whose records could not be written, in place of the one it was given. */
  renderFailure(tag: number, opaque: number, error: KestrelError, output: Output): void;
}

/** The connection, as its codec sees it. */
export interface Wire {
  /** The client has to say first who it is: nothing else is to be read or kept for it. */
  readonly isBarred: boolean;
  /** For answers; valid until the current call of the codec ends. */
  readonly output: Output;
  /** Hands a request to the session. The reply comes to `render`, now or later. */
  execute(request: Request): void;
  /** `size` bytes follow that belong to the request at hand. */
  readBody(size: number): void;
  /** `size` bytes follow that nobody wants. */
  swallowBody(size: number): void;
  /**
   * Accounts for so many bytes in all that the codec keeps of an unfinished request, until the next `execute`. False:
   * the server has no memory for them.
   */
  keepBytes(bytes: number): boolean;
  /** Ends the connection after all answers given so far. Nothing more is read. */
  close(): void;
}
