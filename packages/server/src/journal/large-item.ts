/**
 * Memory of large items: each has its own, which becomes a chunk of the log as it is. Whoever receives one into memory
 * from here and puts it gives that memory away, and the item is never copied; any other is copied once.
 */
import { frameHeadSize } from "./frame.ts";
import { putHeadSizeWithExpiry } from "./record.ts";

/**
 * An item this large has a chunk of its own, whose bytes are never used again for others: whoever sends it may hold on
 * to `buffer.subarray(start, end)` instead of copying.
 */
export const largeItemBytes: number = 64 * 1024;
/** Where its data begins: before it is room for the heads of its frame and of its record. */
export const largeItemStart: number = frameHeadSize + putHeadSizeWithExpiry;
/** Room behind it for the done records of its turn. */
const slackBytes = 512;

/** Those that the log has not been given yet. */
const unclaimed: WeakSet<Buffer> = new WeakSet();

/**
 * Memory for one item of `size` bytes, to be filled from `largeItemStart` on. The put of exactly these bytes gives it
 * away: nothing may be written into it any more.
 */
export function allocateLargeItem(size: number): Buffer {
  const memory = Buffer.allocUnsafeSlow(largeItemStart + size + slackBytes);
  unclaimed.add(memory);
  return memory;
}

/** Memory for the log to keep that has the item `source[start, end)` at `largeItemStart`: its own, else that of a copy. */
export function claimLargeItem(source: Buffer, start: number, end: number): Buffer {
  const isWhole = start === largeItemStart && end === source.length - slackBytes;
  if (isWhole && unclaimed.delete(source)) return source;
  const memory = Buffer.allocUnsafeSlow(largeItemStart + end - start + slackBytes);
  source.copy(memory, largeItemStart, start, end);
  return memory;
}
