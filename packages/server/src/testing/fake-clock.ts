/** A clock that goes only when told to. */
import type { Clock, Timer } from "../clock.ts";

export class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #timers: Set<{ due: number; action: () => void }> = new Set();

  now(): number {
    return this.#now;
  }

  after(delayMs: number, action: () => void): Timer {
    const timer = { due: this.#now + delayMs, action };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Lets time go by; timers fire in their order, at their time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      let next: { due: number; action: () => void } | undefined;
      for (const timer of this.#timers) if (timer.due <= end && (!next || timer.due < next.due)) next = timer;
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = end;
  }
}
