// How one request to one node went wrong, whatever the transport. The kind answers the only question that
// matters to a queue: may it have happened? Never shown to users as it is; see KestrelClientError.

/**
 * - `unreachable`: no connection could be made; nothing was sent.
 * - `no-answer`: it was written, and the connection ended or fell silent before the answer. It may have happened.
 * - `uncertain`: it was asked for together with others, and the node has done some of them. It may have happened.
 * - `given-up`: the caller's signal came after it was written. It may have happened.
 * - `lost`: the open read's connection had ended before; the item has gone back to its queue.
 * - `busy`: our own limits (connections, requests waiting) are reached; nothing was sent.
 * - `unavailable`: the node answered that its status forbids this now. It did not happen.
 * - `invalid`: the node answered that the request makes no sense. It did not happen.
 * - `unauthorized`: the node wants other credentials. It did not happen.
 * - `forbidden`: the node knows who we are, and that we have no right to this. It did not happen.
 * - `failed`: the node answered with some other error. It did not happen.
 * - `aborted`: the caller's signal came before anything was sent.
 * - `closed`: the client was closed before anything was sent.
 */
export type TransportErrorKind =
  | "unreachable"
  | "no-answer"
  | "uncertain"
  | "given-up"
  | "lost"
  | "busy"
  | "unavailable"
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "failed"
  | "aborted"
  | "closed";

export class TransportError extends Error {
  readonly kind: TransportErrorKind;

  constructor(kind: TransportErrorKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "TransportError";
    this.kind = kind;
  }

  /** Whether the request may have been carried out although nobody said so. */
  get mayHaveHappened(): boolean {
    return this.kind === "no-answer" || this.kind === "uncertain" || this.kind === "given-up";
  }

  /** Whether the node refuses us, whatever the moment: no time mends that, only who looks after the node. */
  get isLockedOut(): boolean {
    return this.kind === "unauthorized" || this.kind === "forbidden";
  }
}

/** What went wrong, in words; the many errors of a connect to several addresses are joined. */
export function describeCause(cause: unknown): string {
  if (cause instanceof AggregateError && cause.errors.length > 0) {
    return cause.errors.map(describeCause).join("; ");
  }
  if (cause instanceof Error) return cause.message || cause.name;
  return String(cause);
}

/** The words for a node that ended the connection without any, `isFirst`: before it had answered anything. */
export function describeEnd(isFirst: boolean): string {
  if (!isFirst) return "connection closed before the answer";
  return "connection closed before the first answer, as by a port with TLS or of another protocol";
}
