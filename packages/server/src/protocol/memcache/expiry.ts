/** How memcache clients of Kestrel tell when an item expires. */

/** From here on, seconds are counted from the epoch instead of from now. (memcached has 2,592,000.) */
const relativeSecondsMax = 1_000_000;

/** Absolute, in ms since the epoch; 0: never. A negative number of seconds: expired already. */
export function expiryMsOf(seconds: number, nowMs: number): number {
  if (seconds === 0) return 0;
  return seconds < relativeSecondsMax ? Math.max(1, nowMs + seconds * 1000) : seconds * 1000;
}
