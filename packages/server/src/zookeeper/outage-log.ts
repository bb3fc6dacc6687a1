/** Tells the log of trouble with ZooKeeper: when it begins, then once a minute, and when it is over. */
import type { Clock } from "../clock.ts";
import type { Logger } from "../logging.ts";

const periodMs = 60_000;

export class OutageLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #problem: string | null = null;
  #toldAt = 0;
  #failures = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** What went wrong last; null when all is well. */
  get problem(): string | null {
    return this.#problem;
  }

  failed(error: Error, server: string): void {
    const isNew = this.#problem === null;
    this.#problem = error.message;
    this.#failures++;
    const now = this.#clock.now();
    if (!isNew && now - this.#toldAt < periodMs) return;
    this.#toldAt = now;
    const fields = { err: error, server, failures: this.#failures };
    this.#logger.warn(fields, "trouble with ZooKeeper: the node goes on, and tries again");
  }

  /** The node is announced as it should be, in these sets. */
  over(sets: readonly string[]): void {
    if (this.#problem === null) return;
    this.#logger.info({ failures: this.#failures, sets }, "ZooKeeper is well again");
    this.#problem = null;
    this.#failures = 0;
  }
}
