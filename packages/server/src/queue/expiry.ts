/**
 * When a queue's items expire, and what becomes of them: they are dropped, or moved to `expireToQueue`. Only the head
 * is looked at: an item that expires behind a longer-lived one goes when its turn comes.
 */
import type { Clock } from "../clock.ts";
import type { ItemView } from "../journal/item-view.ts";
import type { LogReader } from "../journal/log-reader.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";

/** Where expired items go. Gives a receipt, or null when nobody took the item and it is simply dropped. */
export type ExpirePut = (target: string, item: ItemView) => Receipt | null;

/** What expiry needs of its queue. */
export interface ExpiryOwner {
  readonly name: string;
  readonly settings: QueueSettings;
  readonly reader: LogReader;
  readonly counters: { expiredItems: number };
  /** An item that could not be moved after all goes back to the head. */
  giveBack(id: number): boolean;
}

export class Expiry {
  readonly #queue: ExpiryOwner;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #expireTo: ExpirePut;
  #isFlushing = false;

  constructor(queue: ExpiryOwner, clock: Clock, logger: Logger, expireTo: ExpirePut) {
    this.#queue = queue;
    this.#clock = clock;
    this.#logger = logger;
    this.#expireTo = expireTo;
  }

  /** The end of this item's life by its own expiry and the queue's `maxAge`; 0: none. */
  endOf(item: ItemView): number {
    const { maxAgeMs } = this.#queue.settings;
    if (maxAgeMs === null) return item.expiryMs;
    const oldest = item.addTimeMs + maxAgeMs;
    return item.expiryMs === 0 ? oldest : Math.min(item.expiryMs, oldest);
  }

  /** Whether the life of the item that the reader has found is over. */
  isHeadOver(): boolean {
    const end = this.endOf(this.#queue.reader.view);
    return end !== 0 && end <= this.#clock.now();
  }

  /** Drops the expired item at the head, or moves it to `expireToQueue`. False: it cannot be moved now. */
  removeHead(): boolean {
    const { settings, reader, counters } = this.#queue;
    if (settings.expireToQueue === null) reader.take();
    else if (!this.#moveHead(settings.expireToQueue)) return false;
    counters.expiredItems++;
    return true;
  }

  #moveHead(target: string): boolean {
    const { name, reader } = this.#queue;
    // Whatever comes of the put there, nobody else here is to find this item.
    const { id } = reader.open();
    let receipt: Receipt | null;
    try {
      receipt = this.#expireTo(target, reader.view);
    } catch (error) {
      this.#logger.warn(
        { err: error, queue: name, expireToQueue: target },
        "cannot move an expired item; it stays",
      );
      reader.giveBack(id);
      return false;
    }
    // It is done here only once it is safe there: a crash in between must not lose it.
    if (receipt === null) reader.confirm(id);
    else
      receipt.whenSettled(() => (receipt.state === "kept" ? reader.confirm(id) : this.#queue.giveBack(id)));
    return true;
  }

  /** Removes expired items from the head, `maxItems` at most; returns how many. */
  flush(maxItems: number): number {
    // Two full queues that expire into each other would go on with one another for every item.
    if (this.#isFlushing) return 0;
    this.#isFlushing = true;
    const { reader, counters } = this.#queue;
    const before = counters.expiredItems;
    while (counters.expiredItems - before < maxItems && reader.items > 0) {
      if (reader.find() !== "item" || !this.isHeadOver() || !this.removeHead()) break;
    }
    this.#isFlushing = false;
    return counters.expiredItems - before;
  }
}
