/**
 * A monitor at work: opens the items of one queue for its client, one after the other as they come, until it has given
 * enough, too many are open, its time is over, or the client may not read any more. It pauses while the client can
 * take no more. The open reads are the session's.
 */
import type { ItemView } from "../journal/item-view.ts";
import type { Began } from "../metrics/timings.ts";
import type { Queue } from "../queue/queue.ts";
import { type Receiver, Waiter } from "../queue/waiter-list.ts";
import type { Pass } from "./pass.ts";
import type { MonitorRequest } from "./request.ts";
import type { SessionHost } from "./session.ts";

/** The session, as its monitor sees it. */
export interface MonitorOwner {
  /** False: the client can take no more for now; `resume` comes later. */
  readonly isReady: boolean;
  /** How many reads of this queue the session has open. */
  openLengthOf(queue: Queue): number;
  /** Hands over an item that was opened. */
  give(item: ItemView, queue: Queue): void;
  /** An item that was given is open no more: that took too long. */
  lapse(queue: Queue, id: number): void;
  /** Nothing more comes. Called once, unless `end` was; perhaps within `resume`. */
  monitorOver(): void;
}

export class Monitor implements Receiver {
  readonly #host: SessionHost;
  readonly #pass: Pass;
  readonly #owner: MonitorOwner;
  readonly #queue: Queue;
  readonly #queueName: string;
  readonly #deadline: number;
  #lengthLeft: number;
  /** Null while it makes a pause. */
  #waiter: Waiter | null = null;
  #waitBegan: Began = 0;
  #isOver = false;

  /** Does nothing before `resume`. Throws KestrelError `bad-name`. */
  constructor(host: SessionHost, pass: Pass, owner: MonitorOwner, request: MonitorRequest) {
    this.#host = host;
    this.#pass = pass;
    this.#owner = owner;
    // An alias reads as another queue of its name.
    this.#queueName = request.queue;
    this.#queue = host.queues.obtain(request.queue);
    this.#deadline = host.clock.now() + request.waitMs;
    this.#lengthLeft = request.lengthMax ?? host.maxOpenTransactions;
  }

  /** Begins, or goes on after a pause: gives what there is, and waits for more. */
  resume(): void {
    if (this.#waiter !== null) return;
    const { timings, clock } = this.#host;
    while (this.#owner.isReady && !this.#isOver) {
      const isEnough = this.#isEnough;
      const began = isEnough ? 0 : timings.beginGet();
      const result = isEnough ? null : this.#queue.get("open", this.#deadline, this);
      if (result === null) {
        this.miss();
      } else if (result instanceof Waiter) {
        this.#waiter = result;
        this.#waitBegan = began;
        return;
      } else {
        if (began !== 0) timings.endDelivery(this.#queue, result, began, clock.now());
        this.#give(result);
      }
    }
  }

  get #isEnough(): boolean {
    const { clock, controls, maxOpenTransactions } = this.#host;
    return (
      this.#lengthLeft <= 0 ||
      this.#deadline <= clock.now() ||
      this.#owner.openLengthOf(this.#queue) >= maxOpenTransactions ||
      !controls.takesReads ||
      !this.#pass.mayGet(this.#queueName)
    );
  }

  receive(item: ItemView): void {
    const { timings, clock, turn } = this.#host;
    this.#waiter = null;
    if (this.#waitBegan !== 0) timings.noteDelivery(this.#queue, item.addTimeMs, clock.now());
    this.#give(item);
    turn.resumeLater(this);
  }

  #give(item: ItemView): void {
    this.#lengthLeft--;
    this.#owner.give(item, this.#queue);
  }

  miss(): void {
    this.#isOver = true;
    // It missed what it waited for; one that ends for another reason misses nothing.
    if (this.#waiter !== null) this.#host.counters.getMisses++;
    this.#waiter = null;
    this.#owner.monitorOver();
  }

  lapse(queue: Queue, id: number): void {
    this.#owner.lapse(queue, id);
  }

  /** Ends it as if its time were over. */
  stop(): void {
    this.#waiter?.withdraw();
    this.miss();
  }

  /** The client is gone. */
  end(): void {
    this.#isOver = true;
    this.#waiter?.withdraw();
  }
}
