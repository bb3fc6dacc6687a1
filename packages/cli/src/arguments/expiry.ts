/**
 * When an item is to expire, as people write it: a duration from now (`10m`) or a moment (`2030-01-31T08:00Z`).
 */

import { UsageError } from "../exit-code.ts";
import { parseDurationMs } from "./duration.ts";

/** The protocols tell moments in seconds, in 32 bits. */
const momentMsMax = 0xffff_ffff * 1000;

/** Seconds from now, at least one, or a moment that is yet to come. Throws UsageError. */
export function parseExpiry(text: string, nowMs: number = Date.now()): Date | number {
  const isMoment = /^\d{4}-\d\d-\d\d/.test(text);
  const moment = isMoment ? new Date(text) : new Date(nowMs + parseDurationMs(text));
  if (isMoment && Number.isNaN(moment.getTime())) throw new UsageError(`"${text}" is no date`);
  if (moment.getTime() <= nowMs)
    throw new UsageError("an item that expires at once would never be seen; leave --expires out to keep it");
  if (!(moment.getTime() <= momentMsMax))
    throw new UsageError(`"${text}" is after the year 2106; leave --expires out to keep the item`);
  return isMoment ? moment : Math.ceil((moment.getTime() - nowMs) / 1000);
}
