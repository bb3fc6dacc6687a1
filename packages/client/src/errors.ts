// The one error class that users of the client meet, and how errors of a transport become it.

import type { TransportError, TransportErrorKind } from "./transport/transport-error.ts";

/**
 * What went wrong, and with it what may be done about it:
 * - `unknown`: it may or may not have happened: the request was sent to `node` and no answer came. A put may
 *   be stored; an item being confirmed may be gone or may come again. Repeating it may double it.
 * - `no-node`: a put was surely not stored: no node could be reached.
 * - `node-down`: nothing was found, but the nodes in `down` could not be asked, and may well have items.
 * - `unavailable`: every node that could be reached refuses this at present (draining, disk full, starting).
 * - `lost`: the connection of an open item had ended before it was confirmed: the item is back in its queue.
 * - `bad-request`: refused, by us or by the node, because it makes no sense as it stands.
 * - `unauthorized`: the node wants other credentials, or those we have give no right to this.
 * - `busy`: a limit of this client (connections for reads, requests waiting) is reached; nothing was sent.
 * - `aborted`: the caller's AbortSignal; nothing was sent, or what was set aside for us goes back.
 * - `closed`: the client is closed, or was closed meanwhile.
 */
export type KestrelClientErrorCode =
  | "unknown"
  | "no-node"
  | "node-down"
  | "unavailable"
  | "lost"
  | "bad-request"
  | "unauthorized"
  | "busy"
  | "aborted"
  | "closed";

export interface KestrelClientErrorDetails {
  readonly node?: string;
  readonly down?: readonly string[];
  readonly cause?: unknown;
}

/** Every promise of the client that is rejected is rejected with one of these. */
export class KestrelClientError extends Error {
  /** What to go by; the message is for people. */
  readonly code: KestrelClientErrorCode;
  /** The id of the node concerned, where it is one. */
  readonly node: string | undefined;
  /** With `node-down`: the ids of the nodes that could not be asked. Otherwise empty. */
  readonly down: readonly string[];

  constructor(code: KestrelClientErrorCode, message: string, details: KestrelClientErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "KestrelClientError";
    this.code = code;
    this.node = details.node;
    this.down = details.down ?? [];
  }
}

const CODES: Record<TransportErrorKind, KestrelClientErrorCode> = {
  unreachable: "node-down",
  "no-answer": "unknown",
  uncertain: "unknown",
  "given-up": "unknown",
  lost: "lost",
  busy: "busy",
  unavailable: "unavailable",
  invalid: "bad-request",
  unauthorized: "unauthorized",
  forbidden: "unauthorized",
  failed: "unavailable",
  aborted: "aborted",
  closed: "closed",
};

/** The user's view of what one node, named by its id, did to one request. */
export function clientErrorOf(error: TransportError, node: string): KestrelClientError {
  const code = CODES[error.kind];
  const down = code === "node-down" ? [node] : [];
  return new KestrelClientError(code, `${node}: ${error.message}`, { node, down, cause: error });
}
