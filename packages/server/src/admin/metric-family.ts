/**
 * What a family of Prometheus's metrics is, and the kinds that a node has: one number, of the node or of each queue, and
 * durations. `prometheus-families.ts` lists the families themselves.
 */
import type { Buckets } from "../metrics/buckets.ts";
import type { LatencyName } from "../metrics/latency-set.ts";
import type { Meter } from "../metrics/meter.ts";
import type { Queue } from "../queue/queue.ts";
import type { AdminHost } from "./admin-host.ts";

/** One line of a family; `metricName` when it isn't the family's (`…_bucket`). */
export interface Sample {
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly metricName?: string;
}

export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
}

export interface ServerMetricFamily extends MetricFamily {
  read(host: AdminHost, scrape: { readonly omitted: number }): Sample[];
}

export interface QueueMetricFamily extends MetricFamily {
  read(queue: Queue, meter: Meter<Queue> | undefined): Sample[];
}

/** A single line, of a family that has no more. */
export function one(value: number, labels: Record<string, string> = {}): Sample[] {
  return [{ value, labels }];
}

/** One number of the whole node. */
export function ofServer(
  type: "counter" | "gauge",
  name: string,
  help: string,
  value: (host: AdminHost, scrape: { readonly omitted: number }) => number,
): ServerMetricFamily {
  return { name, help, type, read: (host, scrape) => one(value(host, scrape)) };
}

/** One number of each queue; undefined: it has none now. */
export function ofQueue(
  type: "counter" | "gauge",
  name: string,
  help: string,
  value: (queue: Queue) => number | undefined,
): QueueMetricFamily {
  const read = (queue: Queue): Sample[] => {
    const current = value(queue);
    return current === undefined ? [] : one(current, { queue: queue.name });
  };
  return { name: `kestrel_queue_${name}`, help, type, read };
}

/** A histogram over the whole node, in seconds; `perSecond`: what it was measured in. */
export function histogram(
  name: string,
  help: string,
  latency: LatencyName,
  perSecond: number,
): ServerMetricFamily {
  const family = `kestrel_${name}_seconds`;
  return {
    name: family,
    help,
    type: "histogram",
    read: ({ metrics }) => renderBuckets(family, metrics.buckets[latency], perSecond),
  };
}

function renderBuckets(family: string, buckets: Buckets, perSecond: number): Sample[] {
  const counts = buckets.cumulative();
  const count = counts.at(-1)!;
  return [
    ...buckets.limits.map((limit, index) => ({
      metricName: `${family}_bucket`,
      labels: { le: String(limit / perSecond) },
      value: counts[index]!,
    })),
    { metricName: `${family}_bucket`, labels: { le: "+Inf" }, value: count },
    { metricName: `${family}_sum`, labels: {}, value: buckets.sum / perSecond },
    { metricName: `${family}_count`, labels: {}, value: count },
  ];
}

/** Of each queue, in seconds; its quantiles are those of the last whole minute, if anything happened in it. */
export function summary(
  name: string,
  help: string,
  latency: LatencyName,
  perSecond: number,
): QueueMetricFamily {
  const family = `kestrel_queue_${name}_seconds`;
  return {
    name: family,
    help,
    type: "summary",
    read(queue, meter) {
      const total = meter?.details?.latencies.summary(latency, false);
      if (!total) return [];
      const minute = meter?.details?.latencies.summary(latency, true);
      const labels = { queue: queue.name };
      const quantiles = minute
        ? [
            { labels: { ...labels, quantile: "0.5" }, value: minute.p50 / perSecond },
            { labels: { ...labels, quantile: "0.99" }, value: minute.p99 / perSecond },
          ]
        : [];
      return [
        ...quantiles,
        { metricName: `${family}_sum`, labels, value: total.sum / perSecond },
        { metricName: `${family}_count`, labels, value: total.count },
      ];
    },
  };
}
