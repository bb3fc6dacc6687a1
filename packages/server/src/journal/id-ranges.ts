/**
 * A set of item ids, kept as sorted ranges that touch nowhere. Ids are finished almost in order, so a set of
 * millions is a handful of ranges; adding at the end costs nothing.
 */
export class IdRanges {
  /** Range i is [#starts[i], #ends[i]). */
  #starts: number[] = [];
  #ends: number[] = [];

  static of(ranges: Iterable<readonly [from: number, to: number]>): IdRanges {
    const made = new IdRanges();
    for (const [from, to] of ranges) made.addRange(from, to);
    return made;
  }

  /** How many ranges, not ids. */
  get rangeCount(): number {
    return this.#starts.length;
  }

  /** One past the largest id; 0 when empty. */
  get end(): number {
    return this.#ends.length === 0 ? 0 : this.#ends[this.#ends.length - 1]!;
  }

  /** The first id at or after `id` that is not in the set. */
  firstMissing(id: number): number {
    const index = this.#indexOf(id);
    return index >= 0 && id < this.#ends[index]! ? this.#ends[index]! : id;
  }

  has(id: number): boolean {
    if (id >= this.end) return false;
    const index = this.#indexOf(id);
    return index >= 0 && id < this.#ends[index]!;
  }

  /** Whether every id in [from, to) is in the set. */
  covers(from: number, to: number): boolean {
    return this.firstMissing(from) >= to;
  }

  /** The ids in [from, to) that are not in the set. */
  gaps(from: number, to: number): [from: number, to: number][] {
    const gaps: [number, number][] = [];
    let at = this.firstMissing(from);
    for (let index = this.#indexOf(from) + 1; at < to; index++) {
      const start = this.#starts[index] ?? to;
      if (start > at) gaps.push([at, Math.min(start, to)]);
      at = Math.max(at, this.#ends[index] ?? to);
    }
    return gaps;
  }

  add(id: number): void {
    const last = this.#ends.length - 1;
    if (last >= 0 && this.#ends[last] === id) this.#ends[last] = id + 1;
    else this.addRange(id, id + 1);
  }

  addRange(from: number, to: number): void {
    if (from >= to) return;
    // The first range that ends at or after `from`, and the first that starts after `to`: all between melt.
    let low = this.#indexOf(from);
    if (low < 0 || this.#ends[low]! < from) low++;
    let high = low;
    let start = from;
    let end = to;
    while (high < this.#starts.length && this.#starts[high]! <= to) {
      start = Math.min(start, this.#starts[high]!);
      end = Math.max(end, this.#ends[high]!);
      high++;
    }
    this.#starts.splice(low, high - low, start);
    this.#ends.splice(low, high - low, end);
  }

  /** Takes out every id at or after `id`: they never came to be. */
  cutFrom(id: number): void {
    while (this.#starts.length > 0 && this.#starts[this.#starts.length - 1]! >= id) {
      this.#starts.pop();
      this.#ends.pop();
    }
    const last = this.#ends.length - 1;
    if (last >= 0 && this.#ends[last]! > id) this.#ends[last] = id;
  }

  clear(): void {
    this.#starts = [];
    this.#ends = [];
  }

  *[Symbol.iterator](): Generator<readonly [from: number, to: number]> {
    for (let index = 0; index < this.#starts.length; index++)
      yield [this.#starts[index]!, this.#ends[index]!];
  }

  /** The last range that starts at or before `id`; -1 if none does. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! <= id) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** How many ids half-open ranges hold, of which none overlaps another. */
export function lengthOf(ranges: Iterable<readonly [from: number, to: number]>): number {
  let length = 0;
  for (const [from, to] of ranges) length += to - from;
  return length;
}
