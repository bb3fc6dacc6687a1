/**
 * Memory of large items: each has its own, which becomes a chunk of the log as it is. Whoever receives one into memory
 * from here and puts it gives that memory away, and the item is never copied; any other is copied once. What nobody
 * holds any more is used again, since V8 collects all garbage for each 64 MB that are allocated: a third of the time
 * that megabyte items took.
 */
import { frameHeadSize } from "./frame.ts";
import { putHeadSizeWithExpiry } from "./record.ts";

/**
 * An item this large has a chunk of its own. Whoever sends it may hold on to `buffer.subarray(start, end)` instead of
 * copying, and says so with `holdLargeItem`: the bytes don't change until it lets go.
 */
export const largeItemBytes: number = 64 * 1024;
/** Where its data begins: before it is room for the heads of its frame and of its record. */
export const largeItemStart: number = frameHeadSize + putHeadSizeWithExpiry;
/** Room behind it for the done records of its turn. */
const slackBytes = 512;
/** Memory comes in multiples of this, so that items of about the same size can have each other's. */
const sizeStep = 64 * 1024;
/** Kept at the most while nobody needs it. */
const freeBytesMax = 64 * 1024 * 1024;

/** What the log has not been given yet. */
const unclaimed: WeakSet<Buffer> = new WeakSet();
/** How many hold it: the log, and answers that are being sent. Whoever never lets go leaves it to the collector. */
const holders: WeakMap<ArrayBufferLike, number> = new WeakMap();
/** What nobody held when it was released, by its size. It may have been held again, and be here twice. */
const free: Map<number, ArrayBufferLike[]> = new Map();
let freeBytes = 0;

/**
 * Memory for one item of `size` bytes, to be filled from `largeItemStart` on. The put of exactly these bytes gives it
 * away: nothing may be written into it any more.
 */
export function allocateLargeItem(size: number): Buffer {
  const memory = allocate(size);
  unclaimed.add(memory);
  return memory;
}

/** Memory from `allocateLargeItem` that was not put after all, and that nobody looks at any more, may be another's. */
export function giveBackLargeItem(memory: Buffer): void {
  if (!unclaimed.delete(memory)) return;
  holders.set(memory.buffer, 0);
  keepFree(memory.buffer);
}

function allocate(size: number): Buffer {
  const needed = largeItemStart + size + slackBytes;
  const length = Math.ceil(needed / sizeStep) * sizeStep;
  return Buffer.from(findFree(length) ?? Buffer.allocUnsafeSlow(length).buffer, 0, needed);
}

function findFree(length: number): ArrayBufferLike | undefined {
  const same = free.get(length);
  for (let memory = same?.pop(); memory !== undefined; memory = same?.pop()) {
    freeBytes -= length;
    if (holders.get(memory) !== 0) continue;
    holders.delete(memory);
    return memory;
  }
  return undefined;
}

/**
 * Memory for the log to keep that has the item `source[start, end)` at `largeItemStart`: its own, else that of a copy.
 * The log holds it until `releaseLargeItem`.
 */
export function claimLargeItem(source: Buffer, start: number, end: number): Buffer {
  const isWhole = start === largeItemStart && end === source.length - slackBytes;
  let memory = source;
  if (!isWhole || !unclaimed.delete(source)) {
    memory = allocate(end - start);
    source.copy(memory, largeItemStart, start, end);
  }
  holders.set(memory.buffer, 1);
  return memory;
}

/**
 * Memory for the log to read `size` bytes back into, whatever items are in them. The log holds it until
 * `releaseLargeItem`.
 */
export function allocateReadBack(size: number): Buffer {
  // There is no large item in it, and half of a step or more would be for nothing.
  if (size < sizeStep / 2) return Buffer.allocUnsafeSlow(size);
  const memory = allocate(size);
  holders.set(memory.buffer, 1);
  return memory.subarray(0, size);
}

/** The bytes don't change until they are released once more. Of other memory that is true anyway. */
export function holdLargeItem({ buffer }: Buffer): void {
  const count = holders.get(buffer);
  if (count !== undefined) holders.set(buffer, count + 1);
}

/** Lets go. Whoever was shown the item may still hold it, as long as nothing else has been asked of the log. */
export function releaseLargeItem({ buffer }: Buffer): void {
  const count = holders.get(buffer);
  if (count === undefined || count === 0) return;
  holders.set(buffer, count - 1);
  if (count === 1) keepFree(buffer);
}

function keepFree(memory: ArrayBufferLike): void {
  const { byteLength } = memory;
  if (byteLength > freeBytesMax) return;
  if (freeBytes + byteLength > freeBytesMax) {
    free.clear();
    freeBytes = 0;
  }
  freeBytes += byteLength;
  const same = free.get(byteLength);
  if (same === undefined) free.set(byteLength, [memory]);
  else same.push(memory);
}
