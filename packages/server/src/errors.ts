/**
 * Refusals: what the engine will not do and says so. Each protocol turns a code into its own words, in one
 * table per protocol. Outcomes (full, empty) are values, not errors; broken invariants are asserts.
 */

/**
 * - `bad-name`: the name of a queue is empty, over 250 bytes, or holds `/`, `~`, `.`, white space or a control
 *   character.
 * - `bad-request`: options that exclude each other, a number that is none.
 * - `read-open`: a plain get while this session has an open read on that queue.
 * - `too-many-open`: more open reads than `maxOpenTransactions`.
 * - `unavailable`: the server's status, or a connection limit, forbids this operation now.
 * - `unauthenticated`: nobody has said yet who it is, or the password is another one.
 * - `forbidden`: this identity has no right to it.
 * - `disk`: the journal cannot be written; the message says why.
 * - `memory`: a bound on the server's memory would be passed.
 */
export type KestrelErrorCode =
  | "bad-name"
  | "bad-request"
  | "read-open"
  | "too-many-open"
  | "unavailable"
  | "unauthenticated"
  | "forbidden"
  | "disk"
  | "memory";

export class KestrelError extends Error {
  readonly code: KestrelErrorCode;

  constructor(code: KestrelErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "KestrelError";
    this.code = code;
  }
}
