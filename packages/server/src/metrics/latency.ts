/**
 * How long one kind of operation took, as distributions: since the start, over the last whole minute, and over
 * the interval at hand. Larger values than 2^31 - 1 count as that.
 */
import { build, type Histogram } from "hdr-histogram-js";

const valueMax = 2 ** 31 - 1;
/** What a new histogram has room for; it grows. */
const valueMaxAtFirst = 1023;

/** With Ostrich's names. */
export interface LatencySummary {
  readonly count: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
  readonly average: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
}

/** `coarse`: values within 6 percent, for a kilobyte or two; `fine`: within 1 percent. */
export type Precision = "coarse" | "fine";

export class Latency {
  readonly #total: Distribution;
  #minute: Distribution;
  #lastMinute: Distribution;
  readonly #interval: Distribution;

  constructor(precision: Precision) {
    // Counts since the start may pass 32 bits.
    this.#total = new Distribution(precision, 64);
    this.#minute = new Distribution(precision, 32);
    this.#lastMinute = new Distribution(precision, 32);
    this.#interval = new Distribution(precision, 32);
  }

  /** A measurement that stands for `weight` operations. */
  record(value: number, weight: number): void {
    const whole = Math.min(valueMax, Math.max(0, Math.round(value)));
    this.#total.record(whole, weight);
    this.#minute.record(whole, weight);
    this.#interval.record(whole, weight);
  }

  /** Since the start; null: nothing yet. */
  get total(): LatencySummary | null {
    return this.#total.summary();
  }

  /** The last whole minute; null: nothing in it. */
  get lastMinute(): LatencySummary | null {
    return this.#lastMinute.summary();
  }

  /** Ends an interval: its median and 99th percentile, NaN when nothing happened. */
  endInterval(): { p50: number; p99: number } {
    const interval = this.#interval;
    const ended = { p50: interval.percentile(50), p99: interval.percentile(99) };
    interval.reset();
    return ended;
  }

  /** Made to cost little: what the minute was is worked out for who asks. */
  endMinute(): void {
    const ended = this.#minute;
    this.#minute = this.#lastMinute;
    this.#minute.reset();
    this.#lastMinute = ended;
  }
}

class Distribution {
  readonly #histogram: Histogram;
  #count = 0;
  #sum = 0;

  constructor(precision: Precision, bitBucketSize: 32 | 64) {
    this.#histogram = build({
      bitBucketSize,
      autoResize: true,
      lowestDiscernibleValue: 1,
      highestTrackableValue: valueMaxAtFirst,
      numberOfSignificantValueDigits: precision === "fine" ? 2 : 1,
      useWebAssembly: false,
    });
  }

  record(value: number, weight: number): void {
    this.#histogram.recordValueWithCount(value, weight);
    this.#count += weight;
    this.#sum += value * weight;
  }

  /** NaN when there is nothing. */
  percentile(percentile: number): number {
    if (this.#count === 0) return Number.NaN;
    return Math.min(this.#histogram.maxValue, this.#histogram.getValueAtPercentile(percentile));
  }

  summary(): LatencySummary | null {
    if (this.#count === 0) return null;
    return {
      count: this.#count,
      sum: this.#sum,
      minimum: this.percentile(0),
      maximum: this.#histogram.maxValue,
      average: Math.round(this.#sum / this.#count),
      p50: this.percentile(50),
      p90: this.percentile(90),
      p95: this.percentile(95),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      p9999: this.percentile(99.99),
    };
  }

  reset(): void {
    if (this.#count === 0) return;
    this.#histogram.reset();
    this.#count = 0;
    this.#sum = 0;
  }
}
