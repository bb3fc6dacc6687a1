/** How many operations took at most so long, for fixed limits: what a Prometheus histogram is made of. */

export class Buckets {
  /** Ascending. */
  readonly limits: readonly number[];
  /** Of each limit, those above the one before it; behind them, those above the last. */
  readonly #counts: Float64Array;
  sum = 0;

  constructor(limits: readonly number[]) {
    this.limits = limits;
    this.#counts = new Float64Array(limits.length + 1);
  }

  record(value: number, weight: number): void {
    let index = 0;
    while (index < this.limits.length && value > this.limits[index]!) index++;
    this.#counts[index]! += weight;
    this.sum += value * weight;
  }

  /** Of each limit, all that took at most so long; then all there are. */
  cumulative(): number[] {
    let sum = 0;
    return [...this.#counts].map((count) => (sum += count));
  }
}
