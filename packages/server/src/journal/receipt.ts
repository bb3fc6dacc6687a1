/**
 * What became of the records that one log wrote in one turn: one object per log and turn, shared by all the
 * operations of that turn. No answer may leave before its receipt is kept.
 */
import type { KestrelError } from "../errors.ts";

export type ReceiptState = "pending" | "kept" | "failed";

export class Receipt {
  #state: ReceiptState = "pending";
  #error: KestrelError | null = null;
  #undoneFrom = Number.POSITIVE_INFINITY;
  /** Null: nobody listens, as with most. */
  #listeners: (() => void)[] | null = null;

  /** Kept when all of these are, failed with the first that fails. */
  static all(receipts: readonly Receipt[]): Receipt {
    if (receipts.length === 1) return receipts[0]!;
    const joint = new Receipt();
    let left = receipts.length;
    if (left === 0) joint.keep();
    for (const receipt of receipts) {
      receipt.whenSettled(() => {
        left--;
        // Ids of several logs: it is for puts.
        if (receipt.error !== null) joint.fail(receipt.error, receipt.isUndone ? 0 : null);
        else if (left === 0) joint.keep();
      });
    }
    return joint;
  }

  /**
   * - `pending`: not yet as safe as the queue's `syncJournal` asks.
   * - `kept`: in the operating system's hands, and on the medium where `syncJournal` is 0.
   * - `failed`: puts are refused with `error`; see `hasUndone` for gets.
   */
  get state(): ReceiptState {
    return this.#state;
  }

  /** Why it failed (code `disk`); null otherwise. */
  get error(): KestrelError | null {
    return this.#error;
  }

  /** Failed so that no put of it happened. False after a failed sync: the records were written and may survive. */
  get isUndone(): boolean {
    return this.#undoneFrom < Number.POSITIVE_INFINITY;
  }

  /**
   * Whether the item with this id, handed out under it, was never there: it was put under it, too, and that did not
   * happen. Any other stays handed out: it is finished, or open, and that it is finished stays owed to the file.
   */
  hasUndone(id: number): boolean {
    return id >= this.#undoneFrom;
  }

  /** Calls `listener` once, when the state is no longer pending; at once if that is so already. */
  whenSettled(listener: () => void): void {
    if (this.#state === "pending") (this.#listeners ??= []).push(listener);
    else listener();
  }

  /** For the log. */
  keep(): void {
    this.#settle("kept", null);
  }

  /** For the log. `undoneFrom`: the id of its first put, none of which happened; null: they may have. */
  fail(error: KestrelError, undoneFrom: number | null): void {
    if (undoneFrom !== null) this.#undoneFrom = undoneFrom;
    this.#settle("failed", error);
  }

  #settle(state: ReceiptState, error: KestrelError | null): void {
    if (this.#state !== "pending") return;
    this.#state = state;
    this.#error = error;
    const listeners = this.#listeners;
    if (listeners === null) return;
    this.#listeners = null;
    for (const listener of listeners) listener();
  }
}
