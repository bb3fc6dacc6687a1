/**
 * Rates, latencies and history of a node, kept while the admin port is on. It looks at all queues once a second;
 * between looks only sampled puts and gets reach it. Queues that nobody uses cost nothing, those that are used a
 * few hundred bytes, and at most `detailedMax` of them some 50 KB each.
 */
import type { Clock, Timer } from "../clock.ts";
import { findHeadTime } from "../queue/browse.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueCollection } from "../queue/queue-collection.ts";
import type { Counters } from "../stats/counters.ts";
import { Buckets } from "./buckets.ts";
import { queueCounters, type ServerCounts, serverCounters } from "./counts.ts";
import { History, pointMs } from "./history.ts";
import type { LatencyName } from "./latency-set.ts";
import { Details, Meter } from "./meter.ts";
import { LookTimes } from "./rate.ts";
import { inSlices } from "./slices.ts";
import type { TimingSink, Timings } from "./timings.ts";

const lookMs = 1000;
const minuteMs = 60_000;
/** Queues with latencies and a history. */
const detailedMaxDefault = 1000;
/** Unused for so long, a queue gives its details up to one that is used. */
const idleMs = 10 * minuteMs;

/** In microseconds, of puts and gets. */
const microLimits = [
  50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
];
/** In milliseconds, of deliveries. */
const milliLimits = [1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 60_000, 300_000, 3_600_000];

export interface MetricsOptions {
  readonly queues: QueueCollection;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly timings: Timings;
  /** 1000 unless set. */
  readonly detailedMax?: number;
}

export class Metrics implements TimingSink {
  readonly server: Meter<ServerCounts>;
  /** The server's latencies, in the units of their names. */
  readonly buckets: Readonly<Record<LatencyName, Buckets>> = {
    set_latency_usec: new Buckets(microLimits),
    get_hit_latency_usec: new Buckets(microLimits),
    get_miss_latency_usec: new Buckets(microLimits),
    delivery_latency_msec: new Buckets(milliLimits),
  };
  readonly #options: MetricsOptions;
  readonly #detailedMax: number;
  readonly #serverDetails: Details = new Details("fine");
  readonly #meters: Map<Queue, Meter<Queue>> = new Map();
  readonly #times: LookTimes = new LookTimes();
  #detailedLength = 0;
  #slot: number;
  #minute: number;
  #timer: Timer | null = null;

  private constructor(options: MetricsOptions) {
    this.#options = options;
    this.#detailedMax = options.detailedMax ?? detailedMaxDefault;
    const { queues, counters, clock } = options;
    const now = clock.now();
    this.#times.look(now);
    const flow = { puts: () => queues.counters.totalItems, gets: () => counters.getHits };
    this.server = new Meter({ counters, queues }, serverCounters, flow, this.#times, now);
    this.server.details = this.#serverDetails;
    this.#slot = History.slotOf(now);
    this.#minute = Math.floor(now / minuteMs);
  }

  static start(options: MetricsOptions): Metrics {
    const metrics = new Metrics(options);
    options.timings.sink = metrics;
    metrics.#lookLater();
    return metrics;
  }

  stop(): void {
    this.#options.timings.sink = null;
    this.#timer?.cancel();
  }

  /** Undefined for a queue that nobody has used since the start. */
  find(queue: Queue): Meter<Queue> | undefined {
    return this.#meters.get(queue);
  }

  /** Details of this queue from now on, whatever others have to do without. For a queue that somebody looks at. */
  watch(queue: Queue): Details {
    const meter = this.#obtain(queue);
    if (meter.details !== null) return meter.details;
    if (this.#detailedLength >= this.#detailedMax) this.#takeDetails(Number.POSITIVE_INFINITY);
    return this.#giveDetails(meter);
  }

  // What the timings tell

  noteSet(name: string, tookMicros: number, weight: number): void {
    this.#record(this.#options.queues.find(name), "set_latency_usec", tookMicros, weight);
  }

  noteGet(queue: Queue, isHit: boolean, tookMicros: number, weight: number): void {
    this.#record(queue, isHit ? "get_hit_latency_usec" : "get_miss_latency_usec", tookMicros, weight);
  }

  noteDelivery(queue: Queue, waitedMs: number, weight: number): void {
    this.#record(queue, "delivery_latency_msec", waitedMs, weight);
  }

  /** `queue` is undefined for an alias, and for one that was deleted meanwhile. */
  #record(queue: Queue | undefined, name: LatencyName, value: number, weight: number): void {
    this.#serverDetails.latencies.record(name, value, weight);
    this.buckets[name].record(value, weight);
    if (queue === undefined) return;
    const meter = this.#obtain(queue);
    if (meter.details === null && this.#detailedLength < this.#detailedMax) this.#giveDetails(meter);
    meter.details?.latencies.record(name, value, weight);
  }

  #obtain(queue: Queue): Meter<Queue> {
    let meter = this.#meters.get(queue);
    if (meter === undefined) {
      const flow = { puts: () => queue.counters.totalItems, gets: () => queue.counters.getHits };
      meter = new Meter(queue, queueCounters, flow, this.#times, this.#options.clock.now());
      this.#meters.set(queue, meter);
    }
    return meter;
  }

  #giveDetails(meter: Meter<Queue>): Details {
    meter.details = new Details("coarse");
    this.#detailedLength++;
    return meter.details;
  }

  /** From the queue that was unused for longest, if that was before `usedBefore`. */
  #takeDetails(usedBefore: number): boolean {
    let longest: Meter<Queue> | null = null;
    for (const meter of this.#meters.values()) {
      if (meter.details !== null && meter.usedMs < (longest?.usedMs ?? usedBefore)) longest = meter;
    }
    if (longest === null) return false;
    longest.details = null;
    this.#detailedLength--;
    return true;
  }

  // The regular look

  #lookLater(): void {
    this.#timer = this.#options.clock.after(lookMs, () => {
      this.look();
      this.#lookLater();
    });
  }

  look(): void {
    const { clock, timings } = this.#options;
    const now = clock.now();
    timings.retune();
    this.#times.look(now);
    this.server.look(now);
    this.#lookAtQueues(now);
    const slot = History.slotOf(now);
    if (slot !== this.#slot) this.#endInterval(this.#slot, now);
    this.#slot = slot;
    const minute = Math.floor(now / minuteMs);
    if (minute !== this.#minute) this.#endMinute();
    this.#minute = minute;
  }

  #lookAtQueues(now: number): void {
    let length = 0;
    const lookAt = (queue: Queue): void => {
      const { counters } = queue;
      const meter = this.#meters.get(queue);
      if (meter !== undefined) meter.look(now);
      else if (counters.totalItems + counters.getHits + counters.getMisses > 0) this.#obtain(queue).look(now);
      else return;
      length++;
    };
    inSlices(this.#options.queues.all(), lookAt, () => {
      if (length < this.#meters.size) this.#forgetDeleted();
    });
  }

  #forgetDeleted(): void {
    for (const [queue, meter] of this.#meters) {
      if (this.#options.queues.find(queue.name) === queue) continue;
      this.#meters.delete(queue);
      if (meter.details !== null) this.#detailedLength--;
    }
  }

  #endInterval(slot: number, now: number): void {
    this.server.endInterval(slot, { items: this.#options.queues.items, oldestMs: Number.NaN });
    let hasIdle = true;
    inSlices([...this.#meters], ([queue, meter]) => {
      if (meter.details === null) {
        if (meter.usedMs <= now - pointMs) return;
        if (this.#detailedLength >= this.#detailedMax) hasIdle &&= this.#takeDetails(now - idleMs);
        if (!hasIdle) return;
        this.#giveDetails(meter);
      }
      const headTime = findHeadTime(queue.reader);
      const oldestMs = queue.length === 0 ? 0 : headTime === undefined ? Number.NaN : now - headTime;
      meter.endInterval(slot, { items: queue.length, oldestMs });
    });
  }

  #endMinute(): void {
    this.server.endMinute();
    inSlices([...this.#meters.values()], (meter) => meter.endMinute());
  }
}
