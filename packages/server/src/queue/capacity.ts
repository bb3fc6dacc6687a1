/**
 * How much a queue may hold, and what makes room in a full one: what has expired, and with `discardOldWhenFull` the
 * oldest items. An item that is too large or finds no room is refused; it is never half taken.
 */
import type { LogReader } from "../journal/log-reader.ts";
import type { QueueSettings } from "../settings/settings.ts";

/** Why an item was not taken in: an outcome, not an error. */
export type PutRefusal = "full" | "too-large";

/** What the capacity needs of its queue. */
export interface CapacityOwner {
  readonly settings: QueueSettings;
  readonly reader: LogReader;
  readonly counters: { discarded: number };
  /** Drops what has expired at the head, and serves nobody: an item is about to come. */
  dropExpired(maxItems: number): number;
}

export class Capacity {
  readonly #queue: CapacityOwner;
  /** More was taken than may be, for want of a head to discard. */
  #isExceeded = false;

  constructor(queue: CapacityOwner) {
    this.#queue = queue;
  }

  /** Whether one more item of this size may come in; makes room for it if there is a way. */
  admit(dataSize: number): PutRefusal | null {
    const { maxItemSizeBytes, discardOldWhenFull, fanoutOnly } = this.#queue.settings;
    if (maxItemSizeBytes !== null && dataSize > maxItemSizeBytes) return "too-large";
    // A queue that keeps nothing may be full all the same, of what it kept before a reload.
    if (fanoutOnly || !this.#isFull) return null;
    this.#queue.dropExpired(Number.POSITIVE_INFINITY);
    while (this.#isFull) {
      if (!discardOldWhenFull || this.#queue.reader.items === 0) return "full";
      if (!this.#discardHead()) break;
    }
    return null;
  }

  get #isFull(): boolean {
    const { settings, reader } = this.#queue;
    const { maxItems, maxSizeBytes } = settings;
    return (
      (maxItems !== null && reader.items >= maxItems) ||
      (maxSizeBytes !== null && reader.bytes >= maxSizeBytes)
    );
  }

  /** False: the head is in the file only. It is on its way now, and until it is here the queue holds too much. */
  #discardHead(): boolean {
    const { reader, counters } = this.#queue;
    this.#isExceeded = reader.find() !== "item";
    if (this.#isExceeded) return false;
    reader.take();
    counters.discarded++;
    return true;
  }

  /** The head is here: room is made for what was put while it was on its way. */
  discardExcess(): void {
    if (!this.#isExceeded) return;
    while (this.#holdsTooMuch) {
      if (!this.#discardHead()) return;
    }
    this.#isExceeded = false;
  }

  /** More than a full queue. */
  get #holdsTooMuch(): boolean {
    const { settings, reader } = this.#queue;
    const { maxItems, maxSizeBytes } = settings;
    if (reader.items === 0) return false;
    return (
      (maxItems !== null && reader.items > maxItems) || (maxSizeBytes !== null && reader.bytes > maxSizeBytes)
    );
  }
}
