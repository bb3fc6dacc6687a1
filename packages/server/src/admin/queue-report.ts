/** A queue as the admin port's JSON tells of it. */
import type { Meter } from "../metrics/meter.ts";
import { findHeadTime } from "../queue/browse.ts";
import type { Queue } from "../queue/queue.ts";
import { queueMemoryBytes } from "../queue/queue-stats.ts";
import type { AdminHost } from "./admin-host.ts";

/** Sizes in bytes, moments in ms since the epoch, rates in items a second over the last five seconds. */
export interface QueueReport {
  readonly name: string;
  readonly items: number;
  readonly bytes: number;
  readonly putRate: number;
  readonly getRate: number;
  /** When the item at the head was put; null: there is none, or it is in the file only. */
  readonly oldestAtMs: number | null;
  readonly openReads: number;
  readonly waiters: number;
  readonly memoryBytes: number;
  readonly journalBytes: number;
  /** Since the start. */
  readonly totalItems: number;
  readonly getHits: number;
  readonly getMisses: number;
  readonly expired: number;
  readonly discarded: number;
  readonly createdAtMs: number;
}

export function reportQueue(queue: Queue, meter: Meter<Queue> | undefined): QueueReport {
  const { counters, reader } = queue;
  return {
    name: queue.name,
    items: queue.length,
    bytes: queue.bytes,
    putRate: meter?.putRate.perSecond ?? 0,
    getRate: meter?.getRate.perSecond ?? 0,
    oldestAtMs: findHeadTime(reader) ?? null,
    openReads: queue.openLength,
    waiters: queue.waiterLength,
    memoryBytes: queueMemoryBytes(queue),
    journalBytes: reader.log.isDurable ? reader.log.size : 0,
    totalItems: counters.totalItems,
    getHits: counters.getHits,
    getMisses: counters.getMisses,
    expired: counters.expiredItems,
    discarded: counters.discarded,
    createdAtMs: queue.createdMs,
  };
}

/** All queues, in the order of their creation, piece by piece; one that goes meanwhile is left out. */
export function* reportAll({ queues, metrics }: AdminHost): Generator<QueueReport> {
  for (const name of queues.names()) {
    const queue = queues.find(name);
    if (queue !== undefined) yield reportQueue(queue, metrics.find(queue));
  }
}
