/** What all connections of one job share: how much is still to be sent, what has come, and when it ends. */

import type { Job, Latencies } from "./workload.ts";

export class LoadRun {
  /** Times of the operations, if they are wanted. */
  readonly times: Times | null;
  readonly #secondsMax: number;
  #resolve!: () => void;
  #reject!: (error: Error) => void;
  readonly #finished: Promise<void>;
  #unsent: number;
  #inFlight = 0;
  answered = 0;
  misses = 0;

  constructor(job: Job) {
    this.times = job.isTimed === true || job.pacePerSecond !== undefined ? new Times() : null;
    this.#secondsMax = job.secondsMax;
    this.#unsent = job.operationsMax;
    this.#finished = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Nothing more may be sent. */
  get isEnding(): boolean {
    return this.#unsent === 0;
  }

  /** Allows a connection to send up to `wanted` more requests, and says how many. */
  claim(wanted: number): number {
    const claimed = Math.min(wanted, this.#unsent);
    this.#unsent -= claimed;
    this.#inFlight += claimed;
    return claimed;
  }

  settle(count: number, misses: number): void {
    this.answered += count;
    this.misses += misses;
    this.#inFlight -= count;
  }

  /** To be called after each claim that follows a settle: the end is when nothing is in flight any more. */
  check(): void {
    if (this.#inFlight === 0) this.#resolve();
  }

  fail(error: Error): void {
    this.#unsent = 0;
    this.#reject(error);
  }

  async untilFinished(): Promise<void> {
    const timer = setTimeout(() => (this.#unsent = 0), this.#secondsMax * 1000);
    try {
      await this.#finished;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Milliseconds in the order in which they were taken. */
class Times {
  #all = new Float64Array(65_536);
  #length = 0;

  add(ms: number): void {
    if (this.#length === this.#all.length) {
      const wider = new Float64Array(2 * this.#length);
      wider.set(this.#all);
      this.#all = wider;
    }
    this.#all[this.#length++] = ms;
  }

  summary(): Latencies {
    const sorted = this.#all.subarray(0, this.#length).sort();
    const at = (share: number): number => {
      const index = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
      return (sorted[Math.max(0, index)] ?? 0) * 1000;
    };
    return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  }
}
