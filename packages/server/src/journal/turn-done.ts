/**
 * What one reader has finished since its last done record: what the next one has to say. A turn that fails leaves in
 * it what is still true.
 */
import { encodeDone } from "./record.ts";

/** The longest range that a done record can tell of. */
const rangeLengthMax = 0xffff_ffff;

export class TurnDone {
  /** First id and length in turn. */
  #ranges: number[] = [];
  #items = 0;
  #bytes = 0;

  /** Ranges that the done record has to name. */
  get rangeCount(): number {
    return this.#ranges.length / 2;
  }

  /** Adds an item with so many bytes of data. */
  add(id: number, size: number): void {
    const ranges = this.#ranges;
    const last = ranges.length - 2;
    if (last >= 0 && ranges[last]! + ranges[last + 1]! === id) ranges[last + 1]!++;
    else ranges.push(id, 1);
    this.count(1, size);
  }

  /** Adds the ids in [from, to); the items among them are counted by `count`. */
  addRange(from: number, to: number): void {
    for (let start = from; start < to; start += rangeLengthMax) {
      this.#ranges.push(start, Math.min(to - start, rangeLengthMax));
    }
  }

  /** So many items, with so many bytes of data, were among the ids; negative: fewer than was said. */
  count(items: number, bytes: number): void {
    this.#items += items;
    this.#bytes += bytes;
  }

  /** Writes the done record, for which there must be room at `at`. */
  encode(view: DataView, at: number, reader: number): void {
    encodeDone(view, at, reader, this.#items, this.#bytes, this.#ranges);
  }

  /** Forgets all: it has been written. */
  clear(): void {
    if (this.#ranges.length === 0) return;
    // Setting the length would also let go of the array's memory, which the next turn needs again.
    while (this.#ranges.length > 0) this.#ranges.pop();
    this.#items = 0;
    this.#bytes = 0;
  }

  /** Forgets the ids from `nextId` on; their items are taken back by `count`. */
  cutFrom(nextId: number): void {
    const kept: number[] = [];
    for (let index = 0; index < this.#ranges.length; index += 2) {
      const from = this.#ranges[index]!;
      const length = Math.min(this.#ranges[index + 1]!, nextId - from);
      if (length > 0) kept.push(from, length);
    }
    this.#ranges = kept;
  }
}
