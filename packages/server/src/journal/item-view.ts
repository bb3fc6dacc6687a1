/** An item as it lies in a log's memory. */
import type { Receipt } from "./receipt.ts";

/**
 * One object that the engine uses again and again: valid until the next call into the engine. Copy the data that
 * you keep, or, of items of `largeItemBytes` and more, hold on to a subarray with `holdLargeItem`.
 */
export interface ItemView {
  /** Rises by one per item of a log (a queue and its fanouts), from 1. */
  id: number;
  /** 32 bits that belong to the producer. */
  flags: number;
  /** When it was put, in ms since the epoch. */
  addTimeMs: number;
  /** When it expires, in ms since the epoch; 0: never. */
  expiryMs: number;
  /** The data is `buffer[start, end)`. */
  buffer: Buffer;
  start: number;
  end: number;
  /** An answer with this item may leave once this is kept; null: at once. */
  receipt: Receipt | null;
}
