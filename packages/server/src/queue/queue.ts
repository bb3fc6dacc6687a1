/**
 * One named queue: the rules of putting and getting over one reader of a log. FIFO; waiters are served in the
 * order they came; an item given back comes first again, in its old place. It knows no sessions and no protocol.
 */
import type { Clock } from "../clock.ts";
import type { ItemView } from "../journal/item-view.ts";
import { largeItemBytes } from "../journal/large-item.ts";
import type { LogReader } from "../journal/log-reader.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";
import { Capacity, type CapacityOwner, type PutRefusal } from "./capacity.ts";
import { type ExpirePut, Expiry, type ExpiryOwner } from "./expiry.ts";
import type { HeldUpQueue, LargeItemGate } from "./large-item-gate.ts";
import type { QueueFamily } from "./queue-family.ts";
import { TimedReads } from "./timed-reads.ts";
import { type GetMode, type Receiver, Waiter, WaiterList } from "./waiter-list.ts";

export interface QueueOptions {
  readonly name: string;
  readonly family: QueueFamily;
  readonly reader: LogReader;
  readonly settings: QueueSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly expireTo: ExpirePut;
  readonly gate: LargeItemGate;
}

/** Counters of one queue since the start, under the names that `stats` gives them. */
export interface QueueCounters {
  totalItems: number;
  putBytes: number;
  /** Items handed out, each time again, and gets that ended without one; peeks are not among them. */
  getHits: number;
  getMisses: number;
  expiredItems: number;
  discarded: number;
  transactions: number;
  canceledTransactions: number;
  totalFlushes: number;
}

export class Queue implements CapacityOwner, ExpiryOwner, HeldUpQueue {
  readonly name: string;
  readonly family: QueueFamily;
  readonly reader: LogReader;
  settings: QueueSettings;
  readonly createdMs: number;
  readonly counters: QueueCounters = {
    totalItems: 0,
    putBytes: 0,
    getHits: 0,
    getMisses: 0,
    expiredItems: 0,
    discarded: 0,
    transactions: 0,
    canceledTransactions: 0,
    totalFlushes: 0,
  };
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #waiters: WaiterList = new WaiterList();
  /** How long the item handed out last had waited, in ms. */
  #lastAgeMs = 0;
  readonly #capacity: Capacity = new Capacity(this);
  readonly #expiry: Expiry;
  readonly #gate: LargeItemGate;
  readonly #timed: TimedReads = new TimedReads();
  #isHeldUp = false;
  #isRemovingHead = false;
  #isDeleted = false;

  constructor(options: QueueOptions) {
    this.name = options.name;
    this.family = options.family;
    this.reader = options.reader;
    this.settings = options.settings;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#gate = options.gate;
    this.#expiry = new Expiry(this, options.clock, options.logger, options.expireTo);
    this.createdMs = options.clock.now();
    this.reader.onLoaded = (isThere) => this.#loaded(isThere);
  }

  /** Items that can be had now; open ones are not among them. */
  get length(): number {
    return this.reader.items;
  }

  /** Bytes of their data. */
  get bytes(): number {
    return this.reader.bytes;
  }

  get openLength(): number {
    return this.reader.openLength;
  }

  get waiterLength(): number {
    return this.#waiters.length;
  }

  /** Whoever waits here waits for others to read their answers, and that may take long: the head is large. */
  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  /** How long the item handed out last had waited, in ms; 0 when the queue is empty. */
  get ageMs(): number {
    return this.reader.items === 0 ? 0 : this.#lastAgeMs;
  }

  // Putting: the collection appends to the log, these are the queue's rules around it

  /** Whether one more item of this size may come in. What has expired makes room, and a queue that discards does. */
  admit(dataSize: number): PutRefusal | null {
    return this.#capacity.admit(dataSize);
  }

  /** An item with so many bytes of data was appended for this queue: serve who waits. */
  noteItem(size: number): void {
    this.counters.totalItems++;
    this.counters.putBytes += size;
    if (this.#waiters.length > 0) this.serve();
  }

  // Getting

  /**
   * Asks for the item at the head. Gives it at once; or null when there is none and `deadline` (absolute ms, 0: do
   * not wait) is past; or a place in the line, and `receiver` hears later. That place is also what one gets when
   * the item's bytes are in the file only, and on their way then; or when it is large, and no such item may go now.
   */
  get(mode: GetMode, deadline: number, receiver: Receiver): ItemView | Waiter | null {
    if (this.#isDeleted) return null;
    if (this.#timed.length > 0) this.#abortLate();
    // Whoever waits is first: a line exists only while there is nothing, or while the head can't be handed out yet.
    const found = this.#waiters.length > 0 && this.reader.items > 0 ? "later" : this.#findLive();
    if (found === "item") return this.#handOut(mode, receiver);
    const now = deadline === 0 ? 0 : this.#clock.now();
    if (found === "none" && deadline <= now) {
      this.#noteMiss(mode);
      return null;
    }
    const waiter = new Waiter(this.#waiters, mode, deadline, receiver);
    if (deadline > now) waiter.timer = this.#clock.after(deadline - now, () => this.#giveUp(waiter));
    this.#waiters.push(waiter);
    return waiter;
  }

  #giveUp(waiter: Waiter): void {
    if (waiter.list === null) return;
    waiter.withdraw();
    this.#noteMiss(waiter.mode);
    waiter.receiver.miss();
  }

  #noteMiss(mode: GetMode): void {
    if (mode !== "peek") this.counters.getMisses++;
  }

  /** The head, after what has expired there is gone. `later`: it can't be handed out yet; `serve` will be called. */
  #findLive(): "item" | "none" | "later" {
    this.#isHeldUp = false;
    for (;;) {
      const found = this.reader.find();
      if (found === "loading") return "later";
      if (found === "none") return "none";
      if (!this.#expiry.isHeadOver())
        return this.#gate.isClosed && this.#isHeadLarge ? this.#holdUp() : "item";
      this.#isRemovingHead = true;
      const isRemoved = this.#expiry.removeHead();
      this.#isRemovingHead = false;
      if (!isRemoved) return "none";
    }
  }

  get #isHeadLarge(): boolean {
    const { start, end } = this.reader.view;
    return end - start >= largeItemBytes;
  }

  #holdUp(): "later" {
    this.#isHeldUp = true;
    this.#gate.holdUp(this);
    return "later";
  }

  #handOut(mode: GetMode, receiver: Receiver): ItemView {
    const { reader } = this;
    const { view } = reader;
    view.expiryMs = this.#expiry.endOf(view);
    if (mode === "peek") return view;
    this.counters.getHits++;
    const now = this.#clock.now();
    this.#lastAgeMs = Math.max(0, now - view.addTimeMs);
    if (mode === "take") {
      reader.take();
    } else {
      reader.open();
      if (mode === "open") {
        this.counters.transactions++;
        if (this.settings.openTransactionTimeoutMs !== null) {
          this.#timed.add(view.id, now, receiver);
        }
        if (this.settings.enableTrace) this.#trace("open", view.id);
      }
    }
    return view;
  }

  /** Gives those who wait what there is. */
  serve(): void {
    // An expired item that moves can bring another one here: whoever is looking at the head goes on with that.
    if (this.#isRemovingHead) return;
    for (let waiter = this.#waiters.first; waiter !== null; waiter = this.#waiters.first) {
      const wasHeldUp = this.#isHeldUp;
      const found = this.#findLive();
      if (found === "later") {
        if (this.#isHeldUp && !wasHeldUp)
          this.#waiters.dismiss(({ receiver }) => receiver.takesMiss === true);
        return;
      }
      if (found === "none") {
        this.#waiters.dismiss((other) => other.deadline === 0);
        return;
      }
      waiter.withdraw();
      waiter.receiver.receive(this.#handOut(waiter.mode, waiter.receiver));
    }
  }

  #loaded(isThere: boolean): void {
    if (isThere) this.#capacity.discardExcess();
    if (isThere) this.serve();
    else this.#waiters.dismiss(() => true);
  }

  /**
   * An open item is done for good. False: that id is not open (any more). A receipt: the answer has to wait until
   * it is kept.
   */
  confirm(id: number): Receipt | null | false {
    if (this.#isDeleted) return false;
    this.#timed.forget(id);
    const confirmed = this.reader.confirm(id);
    if (confirmed !== false && this.settings.enableTrace) this.#trace("confirm", id);
    return confirmed;
  }

  /** An open item goes back to the head, in its old place. False: that id is not open (any more). */
  abort(id: number): boolean {
    if (!this.giveBack(id)) return false;
    this.counters.canceledTransactions++;
    if (this.settings.enableTrace) this.#trace("abort", id);
    return true;
  }

  /** As `abort`, but not counted: for an item that was held, not opened. */
  giveBack(id: number): boolean {
    this.#timed.forget(id);
    if (this.#isDeleted || !this.reader.giveBack(id)) return false;
    if (this.#waiters.length > 0) this.serve();
    return true;
  }

  #trace(event: string, id: number): void {
    this.#logger.info({ queue: this.name, event, id }, "trace");
  }

  // Housekeeping

  /** Removes every item but the open ones. */
  flush(): void {
    this.counters.totalFlushes++;
    // What has expired is due elsewhere, and only for want of a look not there yet.
    this.dropExpired(Number.POSITIVE_INFINITY);
    this.reader.flush();
    if (this.#waiters.length > 0) this.serve();
  }

  /** Drops expired items from the head, `maxItems` at most; returns how many. */
  flushExpired(maxItems: number): number {
    const length = this.dropExpired(maxItems);
    // What is behind a large item that nobody could have may be for those who wait.
    if (length > 0 && this.#waiters.length > 0) this.serve();
    return length;
  }

  dropExpired(maxItems: number): number {
    return this.#expiry.flush(maxItems);
  }

  /** Whether the head must be read from the file before the regular look can tell if it has expired. */
  get isHeadInFile(): boolean {
    return this.reader.items > 0 && !this.reader.isHeadInMemory;
  }

  /** The regular look: expired items at the head, open reads that took too long. */
  sweep(looksAtHead: boolean): void {
    if (looksAtHead) this.flushExpired(this.settings.maxExpireSweep ?? Number.POSITIVE_INFINITY);
    if (this.#timed.length > 0) this.#abortLate();
  }

  /** Reads that are open for too long go back; first their holders hear so, for somebody else may open them next. */
  #abortLate(): void {
    const { openTransactionTimeoutMs } = this.settings;
    if (openTransactionTimeoutMs === null) return;
    const openedMsMax = this.#clock.now() - openTransactionTimeoutMs;
    for (const { id, holder } of this.#timed.openedBy(openedMsMax)) {
      holder.lapse?.(this, id);
      this.abort(id);
    }
  }

  /** All hear that there is nothing for them, but who waits for the disk only. */
  dismissWaiters(): void {
    this.#waiters.dismiss(({ deadline, mode }) => {
      const isPatient = deadline !== 0 || this.#isHeldUp;
      if (isPatient) this.#noteMiss(mode);
      return isPatient;
    });
  }

  /** The queue is gone: whoever waits hears so. */
  end(): void {
    this.#isDeleted = true;
    this.reader.onLoaded = () => {};
    this.#gate.forget(this);
    this.#waiters.dismiss(() => true);
  }
}
