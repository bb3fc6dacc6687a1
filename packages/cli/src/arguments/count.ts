/** Counts on the command line. */
import { UsageError } from "../exit-code.ts";

/** A whole number from `min` up. Throws UsageError. */
export function parseCount(text: string, min: number): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= min)) throw new UsageError(`"${text}" is no number: write a whole one from ${min} up`);
  return count;
}
