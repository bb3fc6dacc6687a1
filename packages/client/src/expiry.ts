// When an item expires, as users say it and as the memcache protocol wants it.

import { KestrelClientError } from "./errors.ts";

/** The wire reads numbers below this as seconds from now, others as seconds since 1970. */
const RELATIVE_LIMIT = 1_000_000;
const WIRE_MAX = 0xffff_ffff;

/**
 * The wire's form of a Date, or of seconds from now: 0 is never; less than 1,000,000 seconds is sent as it is,
 * so that the node's clock counts; all else as a moment. Parts of a second are rounded up. Throws
 * `bad-request` when it is no time at all, or after 2106.
 */
export function wireExpiry(expires: Date | number | undefined, nowMs: number = Date.now()): number {
  if (expires === undefined) return 0;
  if (expires instanceof Date) {
    const seconds = Math.ceil(expires.getTime() / 1000);
    // Long past, and not to be mistaken for a number of seconds from now.
    return checked(Number.isNaN(seconds) ? seconds : Math.max(seconds, RELATIVE_LIMIT));
  }
  if (!(expires > 0)) {
    throw new KestrelClientError(
      "bad-request",
      "expires must be more than 0 seconds; leave it out for never",
    );
  }
  const seconds = Math.ceil(expires);
  return checked(seconds < RELATIVE_LIMIT ? seconds : Math.ceil(nowMs / 1000 + expires));
}

function checked(seconds: number): number {
  if (seconds <= WIRE_MAX) return seconds;
  throw new KestrelClientError("bad-request", "expires must be a time before the year 2106");
}
