/** The kinds of latency that are kept, for one queue or for the server as a whole. Made when first needed. */
import { Latency, type LatencySummary, type Precision } from "./latency.ts";

/** Kestrel's names, with their units: microseconds but for the last. */
export const latencyNames = [
  "set_latency_usec",
  "get_hit_latency_usec",
  "get_miss_latency_usec",
  "delivery_latency_msec",
] as const;

export type LatencyName = (typeof latencyNames)[number];

export class LatencySet {
  readonly #precision: Precision;
  readonly #latencies: Map<LatencyName, Latency> = new Map();

  constructor(precision: Precision) {
    this.#precision = precision;
  }

  record(name: LatencyName, value: number, weight: number): void {
    let latency = this.#latencies.get(name);
    if (latency === undefined) {
      latency = new Latency(this.#precision);
      this.#latencies.set(name, latency);
    }
    latency.record(value, weight);
  }

  /** Since the start, or of the last whole minute. Null: nothing happened. */
  summary(name: LatencyName, isLastMinute: boolean): LatencySummary | null {
    const latency = this.#latencies.get(name);
    if (latency === undefined) return null;
    return isLastMinute ? latency.lastMinute : latency.total;
  }

  endInterval(name: LatencyName): { p50: number; p99: number } {
    return this.#latencies.get(name)?.endInterval() ?? nothing;
  }

  endMinute(): void {
    for (const latency of this.#latencies.values()) latency.endMinute();
  }
}

const nothing = { p50: Number.NaN, p99: Number.NaN };
