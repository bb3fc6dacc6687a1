/**
 * What a queue of Kestrel 2.x holds after each record of its journal. Knows items by their position only, never
 * by their data: a number for each item in the queue or open, whatever has passed through before.
 */

import { PositionQueue } from "./position-queue.ts";
import type { JournalRecord } from "./record.ts";

/**
 * The id of an item that was opened, put back, and is opened again by the old REMOVE_TENTATIVE: the next free
 * one, as the format says, or the one it had, as versions before 2.1 did it. No journal tells which it is.
 */
export type ReopenRule = "next-id" | "same-id";

export class QueueState {
  readonly #rule: ReopenRule;
  readonly #queue: PositionQueue = new PositionQueue();
  readonly #open: Map<number, number> = new Map();
  /** Opened under an id that was in use again before they were confirmed: nothing can confirm them any more. */
  readonly #displaced: { id: number; position: number }[] = [];
  /** Of items that were put under an id and not opened yet. */
  readonly #givenIds: Map<number, number> = new Map();
  /** Of items that were put back and not opened again. */
  readonly #formerIds: Map<number, number> = new Map();
  #lastId = 0;
  #isAmbiguous = false;
  #openedId = 0;

  constructor(rule: ReopenRule = "next-id") {
    this.#rule = rule;
  }

  /** Items, the open ones among them. */
  get length(): number {
    return this.#queue.length + this.#open.size + this.#displaced.length;
  }

  /** Whether `ReopenRule` has made a difference. */
  get isAmbiguous(): boolean {
    return this.#isAmbiguous;
  }

  /** The id under which the last "open" put its item. */
  get openedId(): number {
    return this.#openedId;
  }

  /** The last used id. */
  get lastId(): number {
    return this.#lastId;
  }

  /**
   * Does what a record says; `position` stands for its item. Gives the reason when the record doesn't fit the
   * state: what it can't do is not done.
   */
  apply(record: JournalRecord, position: number): string | undefined {
    switch (record.operation) {
      case "add":
        this.#queue.push(position);
        if (record.id !== 0) this.#givenIds.set(position, record.id);
        return undefined;
      case "continue": {
        const oddity = this.#confirm(record.id);
        this.#queue.push(position);
        return oddity;
      }
      case "remove": {
        const head = this.#queue.shift();
        if (head === undefined) return "the queue has no item to remove";
        this.#forgetIds(head);
        return undefined;
      }
      case "open":
        return this.#openHead(record.id);
      case "abort": {
        const aborted = this.#open.get(record.id);
        if (aborted === undefined) return `no item is open under ${record.id}`;
        this.#open.delete(record.id);
        this.#queue.unshift(aborted);
        this.#formerIds.set(aborted, record.id);
        return undefined;
      }
      case "confirm":
        return this.#confirm(record.id);
      case "save-id":
        this.#lastId = record.id;
        return undefined;
    }
  }

  /** Open items with their ids, rising: the order in which they stand when a replay puts them back at the head. */
  openItems(): { id: number; position: number }[] {
    const open = Array.from(this.#open, ([id, position]) => ({ id, position }));
    return [...this.#displaced, ...open].sort((a, b) => a.id - b.id);
  }

  /** Items that are not open, from the head on; `id` is the one that the old REMOVE_TENTATIVE would give, or 0. */
  *waitingItems(): Generator<{ id: number; position: number }> {
    for (const position of this.#queue) yield { id: this.#ownId(position) ?? 0, position };
  }

  #confirm(id: number): string | undefined {
    return this.#open.delete(id) ? undefined : `no item is open under ${id}`;
  }

  #openHead(namedId: number): string | undefined {
    const head = this.#queue.shift();
    if (head === undefined) return "the queue has no item to open";
    let id = namedId;
    if (id !== 0) this.#lastId = id;
    else {
      this.#isAmbiguous ||= this.#formerIds.has(head);
      id = this.#ownId(head) ?? this.#nextId();
    }
    this.#forgetIds(head);
    this.#openedId = id;
    const displaced = this.#open.get(id);
    if (displaced !== undefined) this.#displaced.push({ id, position: displaced });
    this.#open.set(id, head);
    return displaced === undefined ? undefined : `another item is open under ${id} already`;
  }

  #ownId(position: number): number | undefined {
    return (
      this.#givenIds.get(position) ?? (this.#rule === "same-id" ? this.#formerIds.get(position) : undefined)
    );
  }

  #forgetIds(position: number): void {
    this.#givenIds.delete(position);
    this.#formerIds.delete(position);
  }

  #nextId(): number {
    // Ids are 32-bit and signed, as in Java; 0 means none.
    do this.#lastId = (this.#lastId + 1) | 0;
    while (this.#lastId === 0 || this.#open.has(this.#lastId));
    return this.#lastId;
  }
}
