/**
 * The regular look at all queues: expired items, open reads that took too long, queues that have been empty for too
 * long, and the journals behind them. Items that nobody asks for are dealt with here and nowhere else.
 */
import type { Clock, Timer } from "../clock.ts";
import type { MemoryBudget } from "../journal/chunk-cache.ts";
import type { Queue } from "./queue.ts";

/** How often journals and the spool folder's lock are looked after. */
const tidyPeriodMs = 1000;
/** Files that one sweep reads at the most. */
const sweepReadsMax = 100;

/** What the sweeper looks after. */
export interface SweeperOwner {
  all(): Iterable<Queue>;
  /** A queue that is empty and has lived for as long as it may. */
  expireQueue(queue: Queue): void;
  tidy(): void;
}

export class QueueSweeper {
  readonly #clock: Clock;
  readonly #budget: MemoryBudget;
  readonly #owner: SweeperOwner;
  #sweepTimer: Timer | null = null;
  #tidyTimer: Timer | null = null;

  constructor(clock: Clock, budget: MemoryBudget, owner: SweeperOwner) {
    this.#clock = clock;
    this.#budget = budget;
    this.#owner = owner;
  }

  /** Sweeps every `sweepPeriodMs` from now on; null: only the journals are looked after. */
  start(sweepPeriodMs: number | null): void {
    if (sweepPeriodMs !== null) this.#sweepLater(sweepPeriodMs);
    this.#tidyLater();
  }

  stop(): void {
    this.#sweepTimer?.cancel();
    this.#tidyTimer?.cancel();
  }

  #sweepLater(periodMs: number): void {
    this.#sweepTimer = this.#clock.after(periodMs, () => {
      this.#sweepQueues();
      this.#sweepLater(periodMs);
    });
  }

  #tidyLater(): void {
    this.#tidyTimer = this.#clock.after(tidyPeriodMs, () => {
      this.#owner.tidy();
      this.#tidyLater();
    });
  }

  /** Does now what is otherwise done from time to time. */
  sweepNow(): void {
    this.#sweepQueues();
    this.#owner.tidy();
  }

  #sweepQueues(): void {
    const now = this.#clock.now();
    // After a start the heads are in the files only. They are looked at all the same, so that delayed items move
    // on, but a few at a time, and only into memory that nobody else needs.
    let reads = 0;
    for (const queue of [...this.#owner.all()]) {
      if (queue.isHeadInFile) reads++;
      queue.sweep(!queue.isHeadInFile || (reads <= sweepReadsMax && this.#budget.isRoomy));
      if (isOver(queue, now)) this.#owner.expireQueue(queue);
    }
  }
}

/** Empty, of use to nobody, and older than `maxQueueAge`. */
function isOver(queue: Queue, now: number): boolean {
  const { maxQueueAgeMs } = queue.settings;
  if (maxQueueAgeMs === null || now - queue.createdMs < maxQueueAgeMs) return false;
  return queue.length === 0 && queue.openLength === 0 && queue.waiterLength === 0;
}
