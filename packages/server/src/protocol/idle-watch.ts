/** Notices that nothing has been heard of a connection for too long. One timer, which costs nothing per request. */
import type { Clock, Timer } from "../clock.ts";

export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMsMax: number;
  readonly #isBusy: () => boolean;
  readonly #end: () => void;
  #heardMs: number;
  #timer: Timer;

  /** Calls `end` once, when `idleMsMax` have passed since it was heard of last and it is not busy. */
  constructor(clock: Clock, idleMsMax: number, isBusy: () => boolean, end: () => void) {
    this.#clock = clock;
    this.#idleMsMax = idleMsMax;
    this.#isBusy = isBusy;
    this.#end = end;
    this.#heardMs = clock.now();
    this.#timer = this.#lookAfter(idleMsMax);
  }

  /** It has sent something, or was told what it waited for. */
  heard(): void {
    this.#heardMs = this.#clock.now();
  }

  #lookAfter(delayMs: number): Timer {
    return this.#clock.after(delayMs, () => {
      const leftMs = this.#isBusy() ? this.#idleMsMax : this.#heardMs + this.#idleMsMax - this.#clock.now();
      if (leftMs > 0) this.#timer = this.#lookAfter(leftMs);
      else this.#end();
    });
  }

  stop(): void {
    this.#timer.cancel();
  }
}
