/**
 * What is measured of one queue, or of the server as a whole. The small part (rates, the last minute's counts) is
 * kept of every queue that is used; the large one (latencies, an hour of history) only of so many.
 */
import { type CounterTable, MinuteCounts } from "./counts.ts";
import { History, type Point } from "./history.ts";
import type { Precision } from "./latency.ts";
import { LatencySet } from "./latency-set.ts";
import { type LookTimes, Rate } from "./rate.ts";

/** The counters of a meter's rates. */
export interface Flow {
  puts(): number;
  gets(): number;
}

/** What a history's points are made of, beyond rates and latencies. */
export interface Level {
  items: number;
  /** NaN: not known. */
  oldestMs: number;
}

export class Details {
  readonly latencies: LatencySet;
  readonly history: History = new History();

  constructor(precision: Precision) {
    this.latencies = new LatencySet(precision);
  }
}

export class Meter<Source> {
  readonly putRate: Rate;
  readonly getRate: Rate;
  readonly counts: MinuteCounts<Source>;
  details: Details | null = null;
  /** When something was put or got last, as far as looks tell; in ms since the epoch. */
  usedMs: number;
  readonly #flow: Flow;
  #lastFlow = 0;

  constructor(source: Source, table: CounterTable<Source>, flow: Flow, times: LookTimes, nowMs: number) {
    this.#flow = flow;
    this.counts = new MinuteCounts(table, source);
    this.putRate = new Rate(times, 0);
    this.getRate = new Rate(times, 0);
    this.usedMs = nowMs;
  }

  look(nowMs: number): void {
    const puts = this.#flow.puts();
    const gets = this.#flow.gets();
    this.putRate.update(puts);
    this.getRate.update(gets);
    if (puts + gets !== this.#lastFlow) {
      this.#lastFlow = puts + gets;
      this.usedMs = nowMs;
    }
  }

  endMinute(): void {
    this.counts.endMinute();
    this.details?.latencies.endMinute();
  }

  /** Adds a point to the history, if there is one. */
  endInterval(slot: number, { items, oldestMs }: Level): void {
    if (this.details === null) return;
    const { latencies, history } = this.details;
    const set = latencies.endInterval("set_latency_usec");
    const delivery = latencies.endInterval("delivery_latency_msec");
    const point: Point = {
      puts: this.putRate.perSecond,
      gets: this.getRate.perSecond,
      items,
      oldestMs,
      setP50Micros: set.p50,
      setP99Micros: set.p99,
      deliveryP50Ms: delivery.p50,
      deliveryP99Ms: delivery.p99,
    };
    history.add(slot, point);
  }
}
