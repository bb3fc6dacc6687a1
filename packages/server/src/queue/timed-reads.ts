/** The open reads of a queue that go back by themselves when `openTransactionTimeout` is over. */
import type { Receiver } from "./waiter-list.ts";

interface TimedRead {
  readonly openedMs: number;
  readonly holder: Receiver;
}

export class TimedReads {
  /** By id: the one opened first in front. */
  readonly #reads: Map<number, TimedRead> = new Map();

  get length(): number {
    return this.#reads.size;
  }

  add(id: number, openedMs: number, holder: Receiver): void {
    this.#reads.set(id, { openedMs, holder });
  }

  forget(id: number): void {
    if (this.#reads.size > 0) this.#reads.delete(id);
  }

  /**
   * Those that were opened at `openedMsMax` or before, the oldest first. They stay until `forget`, which may be called
   * meanwhile.
   */
  *openedBy(openedMsMax: number): Generator<{ id: number; holder: Receiver }> {
    for (const [id, { openedMs, holder }] of this.#reads) {
      if (openedMs > openedMsMax) return;
      yield { id, holder };
    }
  }
}
