/** Events a second over the last few seconds, from a counter that is looked at about once a second. */

/** Looks that a rate goes back. */
const looks = 5;
const length = looks + 1;

/** The times of the last looks: one for all the rates that are looked at together. */
export class LookTimes {
  readonly #times: Float64Array = new Float64Array(length);
  #count = 0;

  /** A look begins now: to be called before the rates are updated. */
  look(nowMs: number): void {
    this.#times[this.#count % length] = nowMs;
    this.#count++;
  }

  /** Where this look's values belong. */
  get newest(): number {
    return (this.#count - 1) % length;
  }

  /** Where the values of the earliest look are that is remembered. */
  get oldest(): number {
    return this.#count <= length ? 0 : this.#count % length;
  }

  /** Between the two. */
  get seconds(): number {
    return (this.#times[this.newest]! - this.#times[this.oldest]!) / 1000;
  }
}

export class Rate {
  readonly #times: LookTimes;
  readonly #totals: Float64Array;
  perSecond = 0;

  /** `total` is what the counter was at all looks so far. */
  constructor(times: LookTimes, total: number) {
    this.#times = times;
    this.#totals = new Float64Array(length).fill(total);
  }

  update(total: number): void {
    const times = this.#times;
    this.#totals[times.newest] = total;
    const { seconds } = times;
    // A clock that was set back would make it negative.
    this.perSecond = seconds > 0 ? Math.max(0, (total - this.#totals[times.oldest]!) / seconds) : 0;
  }
}
