/**
 * What is counted since the start, of the server and of each queue, with Kestrel's names; and how much of it fell
 * into the last whole minute.
 */
import type { Queue } from "../queue/queue.ts";
import type { QueueCollection } from "../queue/queue-collection.ts";
import type { Counters } from "../stats/counters.ts";

/** Names and how to read each: one entry per counter. */
export type CounterTable<Source> = readonly (readonly [name: string, read: (source: Source) => number])[];

export const queueCounters: CounterTable<Queue> = [
  ["total_items", (queue) => queue.counters.totalItems],
  ["put_items", (queue) => queue.counters.totalItems],
  ["put_bytes", (queue) => queue.counters.putBytes],
  ["get_items_hit", (queue) => queue.counters.getHits],
  ["get_items_miss", (queue) => queue.counters.getMisses],
  ["transactions", (queue) => queue.counters.transactions],
  ["canceled_transactions", (queue) => queue.counters.canceledTransactions],
  ["expired_items", (queue) => queue.counters.expiredItems],
  ["discarded", (queue) => queue.counters.discarded],
  ["total_flushes", (queue) => queue.counters.totalFlushes],
  ["journal_rewrites", (queue) => queue.reader.log.rewrites],
  ["journal_rotations", (queue) => queue.reader.log.rotations],
];

export interface ServerCounts {
  readonly counters: Counters;
  readonly queues: QueueCollection;
}

export const serverCounters: CounterTable<ServerCounts> = [
  ["bytes_read", ({ counters }) => counters.bytesRead],
  ["bytes_written", ({ counters }) => counters.bytesWritten],
  ["total_connections", ({ counters }) => counters.totalConnections],
  ["cmd_get", ({ counters }) => counters.cmdGet],
  ["cmd_set", ({ counters }) => counters.cmdSet],
  ["cmd_peek", ({ counters }) => counters.cmdPeek],
  ["get_hits", ({ counters }) => counters.getHits],
  ["get_misses", ({ counters }) => counters.getMisses],
  ["total_items", ({ queues }) => queues.counters.totalItems],
  ["queue_creates", ({ queues }) => queues.counters.creates],
  ["queue_deletes", ({ queues }) => queues.counters.deletes],
  ["queue_expires", ({ queues }) => queues.counters.expires],
];

/** The same counters, minute by minute. */
export class MinuteCounts<Source> {
  readonly #table: CounterTable<Source>;
  readonly #source: Source;
  /** At the begin of the minute at hand. */
  readonly #before: Float64Array;
  readonly #lastMinute: Float64Array;

  /** All counters were 0 when the minute at hand began. */
  constructor(table: CounterTable<Source>, source: Source) {
    this.#table = table;
    this.#source = source;
    this.#before = new Float64Array(table.length);
    this.#lastMinute = new Float64Array(table.length);
  }

  endMinute(): void {
    for (let index = 0; index < this.#table.length; index++) {
      const now = this.#table[index]![1](this.#source);
      this.#lastMinute[index] = now - this.#before[index]!;
      this.#before[index] = now;
    }
  }

  /** Of the last whole minute, in the order of the table. */
  get lastMinute(): ArrayLike<number> {
    return this.#lastMinute;
  }
}
