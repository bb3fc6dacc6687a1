/**
 * The statistics in the shape of Ostrich, Kestrel's statistics library, with Kestrel's names: what Kestrel's own
 * tools and dashboards read. Entries come one by one, since there are two dozen of each queue.
 */
import { queueCounters, serverCounters } from "../metrics/counts.ts";
import type { LatencySummary } from "../metrics/latency.ts";
import { type LatencyName, latencyNames } from "../metrics/latency-set.ts";
import type { Queue } from "../queue/queue.ts";
import { queueMemoryBytes } from "../queue/queue-stats.ts";
import { version } from "../version.ts";
import type { AnnouncerState } from "../zookeeper/announcer.ts";
import type { AdminHost } from "./admin-host.ts";
import { HttpError, jsonPieces, text } from "./answer.ts";
import type { Route } from "./route.ts";

/** Of a distribution without values only the count is known. */
type Value = number | string | LatencySummary | { readonly count: 0 };
type Entry = readonly [name: string, value: Value];
type Section = "counters" | "gauges" | "labels" | "metrics";

const sections: readonly Section[] = ["counters", "gauges", "labels", "metrics"];

export function statsRoutes(host: AdminHost): Route[] {
  return [
    { path: "/stats.json", GET: ({ query }) => jsonPieces(renderJson(host, isLastMinute(query))) },
    { path: "/stats", GET: ({ query }) => jsonPieces(renderJson(host, isLastMinute(query))) },
    { path: "/stats.txt", GET: ({ query }) => text(renderText(host, isLastMinute(query))) },
  ];
}

/** `period=60`: counters and metrics are those of the last whole minute; otherwise, since the start. */
function isLastMinute(query: URLSearchParams): boolean {
  const period = query.get("period");
  if (period !== null && period !== "60") throw new HttpError(400, "the only period is 60 seconds");
  return period !== null;
}

function* renderJson(host: AdminHost, lastMinute: boolean): Generator<string> {
  let separator = "{";
  for (const section of sections) {
    yield `${separator}"${section}":{`;
    separator = "},\n";
    let comma = "";
    for (const [name, value] of entriesOf(host, section, lastMinute)) {
      yield `${comma}${JSON.stringify(name)}:${JSON.stringify(value)}`;
      comma = ",";
    }
  }
  yield "}}\n";
}

function* renderText(host: AdminHost, lastMinute: boolean): Generator<string> {
  for (const section of sections) {
    yield `${section}:\n`;
    for (const [name, value] of entriesOf(host, section, lastMinute)) {
      yield `  ${name}: ${typeof value === "object" ? renderDistribution(value) : value}\n`;
    }
  }
}

function renderDistribution(values: object): string {
  const parts = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  return `(${parts.sort().join(", ")})`;
}

function* entriesOf(host: AdminHost, section: Section, lastMinute: boolean): Generator<Entry> {
  yield* serverEntries[section](host, lastMinute);
  yield* aliasEntries(host, section, lastMinute);
  const ofQueue = queueEntries[section];
  if (ofQueue === undefined) return;
  for (const name of host.queues.names().sort()) {
    const queue = host.queues.find(name);
    if (queue === undefined) continue;
    for (const [statistic, value] of ofQueue(host, queue, lastMinute))
      yield [`q/${name}/${statistic}`, value];
  }
}

/** Puts into an alias are counted since the start only. A queue of the same name stands before it, as in `stats`. */
function* aliasEntries({ queues }: AdminHost, section: Section, lastMinute: boolean): Generator<Entry> {
  for (const alias of queues.aliases()) {
    const prefix = `q/${alias.name}`;
    if (queues.find(alias.name) !== undefined) continue;
    if (section === "counters" && !lastMinute) {
      yield [`${prefix}/put_items`, alias.putItems];
      yield [`${prefix}/put_bytes`, alias.putBytes];
    } else if (section === "gauges") {
      yield [`${prefix}/create_time`, Math.floor(alias.createdMs / 1000)];
    }
  }
}

const serverEntries: Record<Section, (host: AdminHost, lastMinute: boolean) => Iterable<Entry>> = {
  counters: ({ metrics, counters, queues }, lastMinute) =>
    serverCounters.map(([name, read], index) => [
      name,
      lastMinute ? metrics.server.counts.lastMinute[index]! : read({ counters, queues }),
    ]),
  gauges: ({ queues, counters, controls, announcer }) => [
    ["items", queues.items],
    ["bytes", queues.bytes],
    ["reserved_memory_ratio", queues.memoryRatio],
    ["connections", counters.currConnections],
    ["kestrel/status/readable", Number(controls.takesReads)],
    ["kestrel/status/writeable", Number(controls.takesWrites)],
    ...(announcer === null ? [] : gaugesOf(announcer.state)),
  ],
  labels: ({ controls }) => [
    ["version", version],
    ["kestrel/status", controls.status],
  ],
  metrics: ({ metrics }, lastMinute) =>
    latencyNames.map((name) => [
      name,
      metrics.server.details!.latencies.summary(name, lastMinute) ?? { count: 0 },
    ]),
};

function gaugesOf({ isConnected, sets }: AnnouncerState): Entry[] {
  return [
    ["zookeeper/connected", Number(isConnected)],
    ["zookeeper/read", Number(sets.includes("read"))],
    ["zookeeper/write", Number(sets.includes("write"))],
  ];
}

const queueEntries: Partial<Record<Section, (host: AdminHost, queue: Queue, isMinute: boolean) => Entry[]>> =
  {
    counters({ metrics }, queue, lastMinute) {
      const meter = metrics.find(queue);
      return queueCounters.map(([name, read], index) => [
        name,
        lastMinute ? (meter?.counts.lastMinute[index] ?? 0) : read(queue),
      ]);
    },
    gauges(_, queue) {
      const { maxItems, maxSizeBytes } = queue.settings;
      const { log } = queue.reader;
      const memoryBytes = queueMemoryBytes(queue);
      const memoryShare = queue.bytes === 0 ? 1 : memoryBytes / queue.bytes;
      const gauges: Entry[] = [
        ["items", queue.length],
        ["bytes", queue.bytes],
        ["journal_size", log.isDurable ? log.size : 0],
        ["mem_items", Math.round(queue.length * memoryShare)],
        ["mem_bytes", memoryBytes],
        ["age_msec", queue.ageMs],
        ["waiters", queue.waiterLength],
        ["open_transactions", queue.openLength],
        ["create_time", Math.floor(queue.createdMs / 1000)],
      ];
      if (maxItems !== null) gauges.push(["max_items", maxItems]);
      if (maxSizeBytes !== null) gauges.push(["max_bytes", maxSizeBytes]);
      return gauges;
    },
    metrics({ metrics }, queue, lastMinute) {
      const latencies = metrics.find(queue)?.details?.latencies;
      if (latencies === undefined) return [];
      return latencyNames
        .map((name): [LatencyName, LatencySummary | null] => [name, latencies.summary(name, lastMinute)])
        .filter((entry): entry is [LatencyName, LatencySummary] => entry[1] !== null);
    },
  };
