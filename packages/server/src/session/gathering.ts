/**
 * Several items for one answer, collected until there are enough or the time is over. Nobody else gets them in the
 * meantime, and none is lost: when the client goes before it is answered they go back to the head. An item whose
 * put has not been written yet is waited for, and left out if it can't be: the answer holds only what is true.
 */

import type { ItemView } from "../journal/item-view.ts";
import { holdLargeItem, largeItemBytes } from "../journal/large-item.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Began } from "../metrics/timings.ts";
import type { Queue } from "../queue/queue.ts";
import { type GetMode, type Receiver, Waiter } from "../queue/waiter-list.ts";
import type { SessionHost } from "./session.ts";

export interface GatheredItem {
  /** Of the queue; not the one that clients get to see. */
  readonly itemId: number;
  readonly flags: number;
  readonly data: Buffer;
  readonly receipt: Receipt | null;
}

export interface GatheringPlan {
  readonly queue: Queue;
  readonly mode: Exclude<GetMode, "take">;
  readonly lengthMax: number;
  /** The item that reaches it is the last one. */
  readonly bytesMax: number;
  /** Absolute, in ms; 0: don't wait. */
  readonly deadline: number;
  /** False: what it has must do. */
  readonly mayGoOn: () => boolean;
}

/** Takes what was gathered. Gives the receipt that the answer waits for, if it does. */
export type TakeGathered = (items: readonly GatheredItem[]) => Receipt | null;

export class Gathering implements Receiver {
  readonly #host: SessionHost;
  readonly #plan: GatheringPlan;
  readonly #done: TakeGathered;
  #items: GatheredItem[] = [];
  #bytes = 0;
  /** Of the memory that all gatherings share. */
  #heldBytes = 0;
  #waiter: Waiter | null = null;
  #waitBegan: Began = 0;
  /** Nothing more is collected. */
  #isOver = false;
  #isAbandoned = false;
  /** Told of an open item that has gone back by itself after `done`. */
  onLapse: (itemId: number) => void = () => {};

  /** `done` is called once, perhaps within `resume`; never after `abandon`. */
  constructor(host: SessionHost, plan: GatheringPlan, done: TakeGathered) {
    this.#host = host;
    this.#plan = plan;
    this.#done = done;
  }

  /** It waits for other clients, who may put something or make room by reading, and not just for the disk. */
  get isPatient(): boolean {
    if (this.#isOver) return false;
    const { deadline, queue } = this.#plan;
    return deadline > 0 || (this.#waiter !== null && queue.isHeldUp);
  }

  /** Begins, or goes on after an item or a receipt has come. */
  resume(): void {
    if (this.#isOver) {
      this.#settle();
      return;
    }
    const { queue, mode, deadline } = this.#plan;
    const { timings } = this.#host;
    while (!this.#isOver) {
      const isEnough = this.#isEnough;
      const began = isEnough || mode === "peek" ? 0 : timings.beginGet();
      const result = isEnough ? null : queue.get(mode, deadline, this);
      if (result === null) {
        if (began !== 0 && this.#items.length === 0) timings.endMiss(queue, began);
        this.miss();
      } else if (result instanceof Waiter && queue.isHeldUp && this.takesMiss) {
        result.withdraw();
        this.miss();
      } else if (result instanceof Waiter) {
        this.#waiter = result;
        this.#waitBegan = began;
        return;
      } else {
        if (began !== 0) timings.endDelivery(queue, result, began, this.#host.clock.now());
        this.#add(result);
      }
    }
  }

  /** What it has must do: it is not kept from others until those read who have enough. */
  get takesMiss(): boolean {
    return this.#items.length > 0;
  }

  get #isEnough(): boolean {
    const { lengthMax, bytesMax, deadline, mayGoOn } = this.#plan;
    const { clock, controls, gatheredMemory } = this.#host;
    return (
      this.#items.length >= lengthMax ||
      this.#bytes >= bytesMax ||
      (gatheredMemory.isFull && this.#items.length > 0) ||
      (deadline !== 0 && deadline <= clock.now()) ||
      !controls.takesReads ||
      !mayGoOn()
    );
  }

  receive(item: ItemView): void {
    this.#waiter = null;
    const began = this.#waitBegan;
    const { timings, clock, turn } = this.#host;
    // It had to be read from the file first; any other wait is the client's own wish.
    if (began !== 0 && this.#plan.deadline === 0)
      timings.endDelivery(this.#plan.queue, item, began, clock.now());
    else if (began !== 0) timings.noteDelivery(this.#plan.queue, item.addTimeMs, clock.now());
    this.#add(item);
    turn.resumeLater(this);
  }

  miss(): void {
    this.#waiter = null;
    this.#isOver = true;
    this.#settle();
  }

  lapse(_queue: Queue, id: number): void {
    const index = this.#items.findIndex(({ itemId }) => itemId === id);
    if (index >= 0) this.#items.splice(index, 1);
    this.onLapse(id);
  }

  #add({ id, flags, buffer, start, end, receipt }: ItemView): void {
    const size = end - start;
    let data: Buffer;
    if (size >= largeItemBytes) {
      data = buffer.subarray(start, end);
      holdLargeItem(data);
    } else {
      data = Buffer.allocUnsafe(size);
      buffer.copy(data, 0, start, end);
    }
    this.#items.push({ itemId: id, flags, data, receipt });
    this.#bytes += size;
    this.#heldBytes += this.#host.gatheredMemory.hold(size);
  }

  /** Waits until no item's receipt is pending. */
  #settle(): void {
    if (this.#isAbandoned) return;
    const pending = this.#items.find(({ receipt }) => receipt?.state === "pending");
    if (pending !== undefined) {
      // Later: a log that settles its receipts is not to be called from there.
      pending.receipt!.whenSettled(() => this.#host.turn.resumeLater(this));
    } else {
      const { items, release } = this.#letGo();
      const receipt = this.#done(items.filter(isThere));
      // Until it is answered it is in memory all the same, even if the client has gone.
      if (receipt === null) release();
      else receipt.whenSettled(release);
    }
  }

  /**
   * What was collected, and what tells that it is in memory no more. It is kept here no more: who may hear of a lapse
   * still knows this gathering.
   */
  #letGo(): { items: readonly GatheredItem[]; release: () => void } {
    const items = this.#items;
    const bytes = this.#heldBytes;
    this.#items = [];
    this.#heldBytes = 0;
    return { items, release: () => this.#host.gatheredMemory.release(bytes) };
  }

  /** The client is gone, or may be: what was collected goes back, in order. */
  abandon(): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#isOver = true;
    this.#waiter?.withdraw();
    const { queue, mode } = this.#plan;
    const { items, release } = this.#letGo();
    release();
    if (mode === "peek") return;
    for (const item of items) {
      if (!isThere(item)) continue;
      if (mode === "open") queue.abort(item.itemId);
      else queue.giveBack(item.itemId);
    }
  }
}

/** False: its put was undone, and its id may be another item's by now. */
function isThere({ itemId, receipt }: GatheredItem): boolean {
  return receipt === null || !receipt.hasUndone(itemId);
}
