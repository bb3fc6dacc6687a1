/**
 * When an item is to expire, as people write it: a duration from now (`10m`) or a moment (`2030-01-31T08:00Z`).
 */

import { UsageError } from "../exit-code.ts";
import { parseDurationMs } from "./duration.ts";

/** Seconds from now, at least one, or a moment. Throws UsageError. */
export function parseExpiry(text: string): Date | number {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const moment = new Date(text);
    if (Number.isNaN(moment.getTime())) throw new UsageError(`"${text}" is no date`);
    return moment;
  }
  const seconds = Math.ceil(parseDurationMs(text) / 1000);
  if (seconds < 1)
    throw new UsageError("an item that expires at once would never be seen; leave --expires out to keep it");
  return seconds;
}
