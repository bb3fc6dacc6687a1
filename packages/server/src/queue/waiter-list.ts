/** Those who wait for an item of one queue, in the order they came. Exactly one of receive and miss is ever called. */
import type { Timer } from "../clock.ts";
import type { ItemView } from "../journal/item-view.ts";
import type { Queue } from "./queue.ts";

/**
 * - `take`: remove it; `open`: set it aside until it is confirmed or aborted; `peek`: look at it only.
 * - `hold`: as `open`, but no transaction in the statistics: whoever collects several items holds them until he has
 *   all, and then confirms them or gives them back.
 */
export type GetMode = "take" | "open" | "hold" | "peek";

/**
 * Who asked for an item. Exactly one of the two is called, once, never within the call that asked. `receive` comes
 * on somebody else's stack (whoever put the item): note the answer and return.
 */
export interface Receiver {
  /** The item is yours; the view is valid until this returns. */
  receive(item: ItemView): void;
  /** The time is over, the queue is gone, or the item cannot be read. */
  miss(): void;
  /**
   * An item that was opened for this receiver has been open for too long, and goes back to the head: it must not be
   * confirmed or aborted any more, since the next one to open it has the same id.
   */
  lapse?(queue: Queue, id: number): void;
  /** True: rather than wait until there is room for a large item it takes a miss now. */
  readonly takesMiss?: boolean;
}

/** A place in the line. */
export class Waiter {
  readonly mode: GetMode;
  readonly receiver: Receiver;
  /** Absolute ms; 0: waits only for bytes on their way from the file, or for the gate. */
  readonly deadline: number;
  timer: Timer | null = null;
  previous: Waiter | null = null;
  next: Waiter | null = null;
  /** Null when it waits no more. */
  list: WaiterList | null;

  constructor(list: WaiterList, mode: GetMode, deadline: number, receiver: Receiver) {
    this.list = list;
    this.mode = mode;
    this.deadline = deadline;
    this.receiver = receiver;
  }

  /** Gives up the place: neither receive nor miss is called after this. */
  withdraw(): void {
    this.list?.remove(this);
  }
}

export class WaiterList {
  #first: Waiter | null = null;
  #last: Waiter | null = null;
  length = 0;

  get first(): Waiter | null {
    return this.#first;
  }

  push(waiter: Waiter): void {
    waiter.previous = this.#last;
    if (this.#last === null) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.length++;
  }

  remove(waiter: Waiter): void {
    if (waiter.list !== this) return;
    waiter.list = null;
    waiter.timer?.cancel();
    if (waiter.previous === null) this.#first = waiter.next;
    else waiter.previous.next = waiter.next;
    if (waiter.next === null) this.#last = waiter.previous;
    else waiter.next.previous = waiter.previous;
    waiter.previous = waiter.next = null;
    this.length--;
  }

  /** Tells those that `matches` holds for, in order, that there is nothing for them. */
  dismiss(matches: (waiter: Waiter) => boolean): void {
    let waiter = this.#first;
    while (waiter !== null) {
      const { next } = waiter;
      if (matches(waiter)) {
        this.remove(waiter);
        waiter.receiver.miss();
      }
      waiter = next;
    }
  }
}
