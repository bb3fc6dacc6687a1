/**
 * How long requests took: a histogram of microseconds with three significant figures, from one microsecond to an
 * hour.
 */
import { createHistogram, performance, type RecordableHistogram } from "node:perf_hooks";

/** All in milliseconds. */
export interface LatencySummary {
  requests: number;
  mean: number;
  min: number;
  p50: number;
  p75: number;
  p90: number;
  p95: number;
  p99: number;
  p999: number;
  p9999: number;
  max: number;
}

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: 3_600_000_000,
    figures: 3,
  });
  #firstStartMs = Number.POSITIVE_INFINITY;
  #lastEndMs = 0;

  /** From the start of the first request to the end of the last one, in milliseconds. */
  get spanMs(): number {
    return this.#lastEndMs - this.#firstStartMs;
  }

  /** Records a request that began at `startMs` of performance.now() and has ended now. */
  record(startMs: number): void {
    const nowMs = performance.now();
    this.#firstStartMs = Math.min(this.#firstStartMs, startMs);
    this.#lastEndMs = nowMs;
    this.#histogram.record(Math.max(1, Math.round((nowMs - startMs) * 1000)));
  }

  /** Null when nothing was recorded. */
  summary(): LatencySummary | null {
    const histogram = this.#histogram;
    if (histogram.count === 0) return null;
    const at = (percentile: number) => histogram.percentile(percentile) / 1000;
    return {
      requests: histogram.count,
      mean: Math.round(histogram.mean) / 1000,
      min: histogram.min / 1000,
      p50: at(50),
      p75: at(75),
      p90: at(90),
      p95: at(95),
      p99: at(99),
      p999: at(99.9),
      p9999: at(99.99),
      max: histogram.max / 1000,
    };
  }
}
