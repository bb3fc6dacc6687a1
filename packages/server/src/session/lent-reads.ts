/**
 * Open reads that belong to the server, not to a session: unless bound to it, they survive their client's disconnect
 * until their time is over, and whoever names their ids may close them. Ids rise over all queues. They begin with the
 * time of the start, so that an id from before a restart closes nothing.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";

/** Items lent together; their ids follow each other. */
interface Loan {
  readonly queue: Queue;
  readonly borrower: Borrower;
  readonly firstId: number;
  readonly endId: number;
  timer: Timer | null;
  /** How many of them are still lent. */
  length: number;
}

interface LentItem {
  readonly itemId: number;
  readonly loan: Loan;
}

/** Ids given out per millisecond, on average, before they could meet those of the next start. */
const idsPerMs = 1000;

export interface LoanPlan {
  /** Then those that are left go back to the head. */
  readonly lendMs: number;
  /** They go back with the borrower's end as well. */
  readonly endsWithSession: boolean;
}

/** What one session has borrowed and nobody has closed yet, by queue. */
export class Borrower {
  readonly #lengths: Map<Queue, number> = new Map();
  /** Those that end with it. */
  readonly bound: Set<Loan> = new Set();

  lengthOf(queue: Queue): number {
    return this.#lengths.get(queue) ?? 0;
  }

  add(queue: Queue, length: number): void {
    const sum = this.lengthOf(queue) + length;
    if (sum === 0) this.#lengths.delete(queue);
    else this.#lengths.set(queue, sum);
  }
}

export class LentReads {
  readonly #clock: Clock;
  readonly #items: Map<number, LentItem> = new Map();
  #nextId: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#nextId = clock.now() * idsPerMs;
  }

  /**
   * Lends these open items of a queue, at least one. Returns the first one's id; the others have the ids that
   * follow.
   */
  lend(queue: Queue, itemIds: readonly number[], plan: LoanPlan, borrower: Borrower): number {
    const firstId = this.#nextId;
    const endId = firstId + itemIds.length;
    const loan: Loan = { queue, borrower, firstId, endId, timer: null, length: itemIds.length };
    for (const itemId of itemIds) this.#items.set(this.#nextId++, { itemId, loan });
    borrower.add(queue, itemIds.length);
    if (plan.endsWithSession) borrower.bound.add(loan);
    loan.timer = this.#clock.after(plan.lendMs, () => this.#abortLoan(loan));
    return firstId;
  }

  /** The borrower is gone: what is bound to it goes back, in its old places. */
  abortBound(borrower: Borrower): void {
    for (const loan of borrower.bound) this.#abortLoan(loan);
  }

  #abortLoan({ firstId, endId }: Loan): void {
    for (let id = firstId; id < endId; id++) this.abort(id);
  }

  /** Where the item lies; undefined: it is not lent (any more). */
  findQueue(id: number): Queue | undefined {
    return this.#items.get(id)?.loan.queue;
  }

  /** The item is done for good. False: it is not lent (any more). A receipt: the answer has to wait for it. */
  confirm(id: number): Receipt | null | false {
    const item = this.#take(id);
    return item === undefined ? false : item.loan.queue.confirm(item.itemId);
  }

  /** The item goes back to the head, in its old place. False: it is not lent (any more). */
  abort(id: number): boolean {
    const item = this.#take(id);
    return item?.loan.queue.abort(item.itemId) ?? false;
  }

  /** The item has gone back by itself. */
  forget(id: number): void {
    this.#take(id);
  }

  #take(id: number): LentItem | undefined {
    const item = this.#items.get(id);
    if (item === undefined) return undefined;
    this.#items.delete(id);
    const { loan } = item;
    loan.borrower.add(loan.queue, -1);
    loan.length--;
    if (loan.length === 0) {
      loan.timer?.cancel();
      loan.borrower.bound.delete(loan);
    }
    return item;
  }
}
