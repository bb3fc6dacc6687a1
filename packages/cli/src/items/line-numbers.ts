/**
 * A set of line numbers that can be told in a few words: `3, 7-12, 40`. Holds at most a million numbers and
 * only counts beyond that.
 */
const heldMax = 1_000_000;
const rangesShownMax = 20;

export class LineNumbers {
  readonly #numbers: number[] = [];
  #length = 0;

  /** How many numbers were added. */
  get length(): number {
    return this.#length;
  }

  /** Each number is added at most once, in any order. */
  add(number: number): void {
    this.#length++;
    if (this.#numbers.length < heldMax) this.#numbers.push(number);
  }

  /** Ascending, without overlaps. */
  ranges(): [first: number, last: number][] {
    const ranges: [number, number][] = [];
    for (const number of this.#numbers.sort((a, b) => a - b)) {
      const last = ranges.at(-1);
      if (last !== undefined && last[1] === number - 1) last[1] = number;
      else ranges.push([number, number]);
    }
    return ranges;
  }

  /** The ranges in words, the first twenty of them. */
  render(): string {
    const ranges = this.ranges();
    const shown = ranges.slice(0, rangesShownMax).map(([a, b]) => (a === b ? `${a}` : `${a}-${b}`));
    if (ranges.length > rangesShownMax) shown.push("...");
    return shown.join(", ");
  }
}
