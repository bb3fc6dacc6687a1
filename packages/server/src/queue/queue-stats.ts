/** What `stats` tells of one queue, with Kestrel's names and in Kestrel's order. */
import type { Queue } from "./queue.ts";

/** Bytes in memory are whole stretches of the log, shared by all its readers: this is the queue's at most. */
export function queueMemoryBytes(queue: Queue): number {
  return Math.min(queue.bytes, queue.reader.log.cache.bytes);
}

/** `children` are the names of its fanouts; none for a queue without. */
export function queueStats(
  queue: Queue,
  children: readonly string[],
): [name: string, value: string | number][] {
  const { reader, counters } = queue;
  const { log } = reader;
  const memoryBytes = queueMemoryBytes(queue);
  const memoryItems =
    queue.bytes === 0 ? queue.length : Math.round(queue.length * (memoryBytes / queue.bytes));
  const stats: [string, string | number][] = [
    ["items", queue.length],
    ["bytes", queue.bytes],
    ["total_items", counters.totalItems],
    ["logsize", log.isDurable ? log.size : 0],
    ["expired_items", counters.expiredItems],
    ["mem_items", memoryItems],
    ["mem_bytes", memoryBytes],
    ["age", queue.ageMs],
    ["discarded", counters.discarded],
    ["waiters", queue.waiterLength],
    ["open_transactions", queue.openLength],
    ["transactions", counters.transactions],
    ["canceled_transactions", counters.canceledTransactions],
    ["total_flushes", counters.totalFlushes],
    ["journal_rewrites", log.rewrites],
    ["journal_rotations", log.rotations],
    ["create_time", Math.floor(queue.createdMs / 1000)],
  ];
  if (children.length > 0) stats.push(["children", children.join(",")]);
  return stats;
}
