/**
 * Where the open items of one reader lie, by id. Ids are opened nearly in order and confirmed soon, so those that are
 * open at a time differ in their last bits: each has a slot by these, and a map only takes those that find it taken.
 * A map alone costs a reliable read seven times as much, since it is rebuilt every few reads.
 */
import type { Chunk } from "./chunk.ts";

/** `at` counts from the start of the chunk. */
export interface Place {
  readonly id: number;
  readonly chunk: Chunk;
  readonly at: number;
  /** Bytes of data. */
  readonly size: number;
}

/** Power of two. */
const slotLength = 64;

export class OpenPlaces {
  /** By the last bits of the id; empty until something is opened. */
  readonly #slots: (Place | null)[] = [];
  readonly #others: Map<number, Place> = new Map();
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a place whose id is not among them. */
  add(place: Place): void {
    if (this.#slots.length === 0) for (let slot = 0; slot < slotLength; slot++) this.#slots.push(null);
    const slot = place.id % slotLength;
    if (this.#slots[slot] === null) this.#slots[slot] = place;
    else this.#others.set(place.id, place);
    this.#length++;
  }

  /** Takes the place of this item out; undefined: it is not open. */
  take(id: number): Place | undefined {
    const slot = id % slotLength;
    let place = this.#slots[slot] ?? undefined;
    if (place?.id === id) {
      this.#slots[slot] = null;
    } else {
      if (this.#others.size === 0) return undefined;
      place = this.#others.get(id);
      if (place === undefined) return undefined;
      this.#others.delete(id);
    }
    this.#length--;
    return place;
  }

  /** All of them, by id. */
  sorted(): Place[] {
    const all = [...this.#slots.filter((place) => place !== null), ...this.#others.values()];
    return all.sort((a, b) => a.id - b.id);
  }

  /** Puts `move(place)`, which has the same id, in the place of each. */
  move(move: (place: Place) => Place): void {
    for (const [slot, place] of this.#slots.entries()) if (place !== null) this.#slots[slot] = move(place);
    for (const [id, place] of this.#others) this.#others.set(id, move(place));
  }
}
