/**
 * The last hour of one queue, or of the server: a point every five seconds, in one typed array that grows with
 * what there is to remember. Times without a point (the process slept) are gaps.
 */

export const pointMs = 5000;
/** One hour. */
const slotsMax = 720;
const slotsAtFirst = 45;

/**
 * - `puts`, `gets`: items a second, put and handed out.
 * - `items`: how many there were. `oldestMs`: how long the one at the head had been there.
 * - medians and 99th percentiles of the latencies in the five seconds.
 */
export const seriesNames = [
  "puts",
  "gets",
  "items",
  "oldestMs",
  "setP50Micros",
  "setP99Micros",
  "deliveryP50Ms",
  "deliveryP99Ms",
] as const;

export type SeriesName = (typeof seriesNames)[number];

/** Per series, NaN: not known. */
export type Point = Record<SeriesName, number>;

export class History {
  /** Slot by slot, `seriesNames.length` values each; slot n lies at n modulo the number of slots. */
  #values: Float32Array = new Float32Array(slotsAtFirst * seriesNames.length);
  #slots: number = slotsAtFirst;
  /** Half-open range of slots that hold something; -1: nothing yet. */
  #first = -1;
  #end = -1;

  /** Which point a moment belongs to. */
  static slotOf(nowMs: number): number {
    return Math.floor(nowMs / pointMs);
  }

  /** Adds the point of this slot; one that is not after the last one is dropped. */
  add(slot: number, point: Point): void {
    if (this.#end < 0 || slot >= this.#end + slotsMax) this.#first = this.#end = slot;
    if (slot < this.#end) return;
    this.#grow(slot + 1 - this.#first);
    for (let gap = this.#end; gap < slot; gap++) this.#put(gap, null);
    this.#put(slot, point);
    this.#end = slot + 1;
    this.#first = Math.max(this.#first, this.#end - slotsMax);
  }

  #put(slot: number, point: Point | null): void {
    const at = (slot % this.#slots) * seriesNames.length;
    for (let index = 0; index < seriesNames.length; index++) {
      this.#values[at + index] = point === null ? Number.NaN : point[seriesNames[index]!];
    }
  }

  #grow(length: number): void {
    if (length <= this.#slots || this.#slots === slotsMax) return;
    let slots = this.#slots;
    while (slots < Math.min(length, slotsMax)) slots = Math.min(slotsMax, slots * 2);
    const width = seriesNames.length;
    const values = new Float32Array(slots * width);
    for (let slot = this.#first; slot < this.#end; slot++) {
      const from = (slot % this.#slots) * width;
      values.set(this.#values.subarray(from, from + width), (slot % slots) * width);
    }
    this.#values = values;
    this.#slots = slots;
  }

  /** The slot of the first point there is, at or after `slot`. */
  firstFrom(slot: number): number {
    return Math.max(slot, this.#first);
  }

  /** One past the last slot there is; -1: there is nothing. */
  get end(): number {
    return this.#end;
  }

  /** One series from a slot on, which is one that `firstFrom` gave; null where nothing is known. */
  series(name: SeriesName, from: number): (number | null)[] {
    const index = seriesNames.indexOf(name);
    const values: (number | null)[] = [];
    for (let slot = from; slot < this.#end; slot++) {
      const value = this.#values[(slot % this.#slots) * seriesNames.length + index]!;
      values.push(Number.isNaN(value) ? null : value);
    }
    return values;
  }
}
