/** How memcache clients of Kestrel tell when an item expires. */

/** From here on, seconds are counted from the epoch instead of from now. (memcached has 2,592,000.) */
const relativeSecondsMax = 1_000_000;

const uint32Length = 2 ** 32;

/**
 * The seconds that a frame of the binary protocol means, whose numbers have no sign. Clients that let their callers
 * say -1 send the 32 bits of it: what is so close to 2^32 is negative, and no day in 2106.
 */
export function signedExpiryOf(seconds: number): number {
  return seconds < uint32Length - relativeSecondsMax ? seconds : seconds - uint32Length;
}

/** Absolute, in ms since the epoch; 0: never. A negative number of seconds: expired already. */
export function expiryMsOf(seconds: number, nowMs: number): number {
  if (seconds === 0) return 0;
  return seconds < relativeSecondsMax ? Math.max(1, nowMs + seconds * 1000) : seconds * 1000;
}
