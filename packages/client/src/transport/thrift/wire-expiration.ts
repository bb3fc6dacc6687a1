// When an item expires, as thrift has it: milliseconds from now, in 31 bits.

import { TransportError } from "../transport-error.ts";

/** Of RawPut's expiry: numbers below this are seconds from now, others seconds since 1970. */
const RELATIVE_LIMIT = 1_000_000;
const MS_MAX = 0x7fff_ffff;

/**
 * Milliseconds from now; 0: never; negative: over already. Throws `invalid` when it is more than 24 days from now,
 * which thrift can't say.
 */
export function wireExpiration(expiry: number, nowMs: number): number {
  if (expiry === 0) return 0;
  if (expiry < RELATIVE_LIMIT) return expiry * 1000;
  const ms = expiry * 1000 - nowMs;
  if (ms > MS_MAX) {
    throw new TransportError("invalid", "over thrift an item may expire 24 days from now at the latest");
  }
  return ms > 0 ? ms : -1;
}
