/**
 * How long puts and gets take, seen from where they are carried out: the session asks here before and after, for
 * next to nothing as long as nobody listens or this one is not to be timed. Says nothing of networks or clients.
 */
import type { ItemView } from "../journal/item-view.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";
import { Sampler } from "./sampler.ts";

/** Whoever keeps the measurements. Each stands for `weight` operations. */
export interface TimingSink {
  /** From the request until its answer may leave. */
  noteSet(queue: string, tookMicros: number, weight: number): void;
  /** The same; for a get that found something at once, or in the journal's file, and for one that did not. */
  noteGet(queue: Queue, isHit: boolean, tookMicros: number, weight: number): void;
  /** How long an item had been in the queue when it was handed out. */
  noteDelivery(queue: Queue, waitedMs: number, weight: number): void;
}

/** The moment at which something that is timed began, in ms; 0: it is not timed. */
export type Began = number;

export class Timings {
  readonly #puts: Sampler = new Sampler();
  readonly #gets: Sampler = new Sampler();
  #sink: TimingSink | null = null;

  /** Without a sink nothing is timed. */
  set sink(sink: TimingSink | null) {
    this.#sink = sink;
    for (const sampler of [this.#puts, this.#gets]) {
      if (sink === null) sampler.stop();
      else sampler.start();
    }
  }

  beginPut(): Began {
    return this.#puts.isDue() ? performance.now() : 0;
  }

  beginGet(): Began {
    return this.#gets.isDue() ? performance.now() : 0;
  }

  /** The put was taken, if its receipt is kept. `began` is not 0. */
  endPut(queue: string, receipt: Receipt, began: Began): void {
    const { weight } = this.#puts;
    receipt.whenSettled(() => {
      if (receipt.state === "kept") this.#sink?.noteSet(queue, microsSince(began), weight);
    });
  }

  /** The get found this item. `began` is not 0. */
  endHit(queue: Queue, item: ItemView, began: Began): void {
    const { weight } = this.#gets;
    const { receipt } = item;
    if (receipt === null) {
      this.#sink?.noteGet(queue, true, microsSince(began), weight);
      return;
    }
    receipt.whenSettled(() => {
      if (receipt.state === "kept") this.#sink?.noteGet(queue, true, microsSince(began), weight);
    });
  }

  /** As `endHit`, for an item that is handed out at once. */
  endDelivery(queue: Queue, item: ItemView, began: Began, nowMs: number): void {
    this.endHit(queue, item, began);
    this.noteDelivery(queue, item.addTimeMs, nowMs);
  }

  /** The get found nothing and did not wait. `began` is not 0. */
  endMiss(queue: Queue, began: Began): void {
    this.#sink?.noteGet(queue, false, microsSince(began), this.#gets.weight);
  }

  /** An item is handed out that has been in the queue since `addTimeMs`. For gets that are timed. */
  noteDelivery(queue: Queue, addTimeMs: number, nowMs: number): void {
    this.#sink?.noteDelivery(queue, Math.max(0, nowMs - addTimeMs), this.#gets.weight);
  }

  /** To be called each second: how many are timed depends on how many there were. */
  retune(): void {
    this.#puts.retune();
    this.#gets.retune();
  }
}

function microsSince(began: Began): number {
  return (performance.now() - began) * 1000;
}
