// How often a consumer has failed with an item and put it again, kept in the item's flags, so that the data stays
// as it was and consumers that know nothing of it read past it. Bits 16 to 23: memcached clients mark their
// encodings in the bits below, and some in those above.

const SHIFT = 16;
const MASK = 0x00ff_0000;
const RETRIES_MAX = 255;

/** The number of retries that the flags carry, 0 to 255. */
export function retriesIn(flags: number): number {
  return (flags & MASK) >>> SHIFT;
}

/** The flags without it, as the producer gave them. */
export function withoutRetries(flags: number): number {
  return (flags & ~MASK) >>> 0;
}

/** The flags with this number of retries, or with 255 if it is more. */
export function withRetries(flags: number, retries: number): number {
  return (withoutRetries(flags) | (Math.min(retries, RETRIES_MAX) << SHIFT)) >>> 0;
}
