/** Kestrel's statistics, as `stats` and `dump_stats` show them, in its order. All of one report is of one moment. */
import type { Clock } from "../clock.ts";
import type { QueueCollection } from "../queue/queue-collection.ts";
import { version } from "../version.ts";
import type { Counters } from "./counters.ts";
import type { Statistic, StatisticGroup } from "./statistic.ts";

/** What a report is made of. */
export interface ReportSource {
  readonly queues: QueueCollection;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** The server's statistics, then each queue's as `queue_<name>_<statistic>`. */
export function reportStatistics(source: ReportSource): Statistic[] {
  const report = reportServer(source);
  for (const { queue, statistics } of reportQueues(source.queues, [])) {
    for (const [name, value] of statistics) report.push([`queue_${queue}_${name}`, value]);
  }
  return report;
}

/** Per queue; without names of every queue and alias. Names of queues that don't exist are left out. */
export function reportQueues(queues: QueueCollection, names: readonly string[]): StatisticGroup[] {
  const groups: StatisticGroup[] = [];
  for (const queue of names.length > 0 ? names : allNames(queues)) {
    const statistics = queues.stats(queue);
    if (statistics !== undefined) groups.push({ queue, statistics });
  }
  return groups;
}

/** An alias that hides a queue has the same name. */
function allNames(queues: QueueCollection): Set<string> {
  return new Set([...queues.names(), ...queues.rules.aliasNames]);
}

function reportServer({ queues, clock, counters }: ReportSource): Statistic[] {
  const totals = queues.counters;
  const now = clock.now();
  return [
    ["uptime", Math.floor((now - counters.startedAt) / 1000)],
    ["time", Math.floor(now / 1000)],
    ["version", version],
    ["curr_items", queues.items],
    ["total_items", totals.totalItems],
    ["bytes", queues.bytes],
    ["reserved_memory_ratio", queues.memoryRatio.toFixed(3)],
    ["curr_connections", counters.currConnections],
    ["total_connections", counters.totalConnections],
    ["cmd_get", counters.cmdGet],
    ["cmd_set", counters.cmdSet],
    ["cmd_peek", counters.cmdPeek],
    ["get_hits", counters.getHits],
    ["get_misses", counters.getMisses],
    ["bytes_read", counters.bytesRead],
    ["bytes_written", counters.bytesWritten],
    ["queue_creates", totals.creates],
    ["queue_deletes", totals.deletes],
    ["queue_expires", totals.expires],
  ];
}
