/**
 * The open reads of one session: per queue, first opened, first out. A queue that was deleted and made anew is
 * another queue: its ids may be the same, its reads are not.
 */
import { KestrelError } from "../errors.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";

/** Ids in the order of opening; those before `first` are gone already. */
interface Line {
  ids: number[];
  first: number;
}

/** The gone part of a line is cut off when it is longer than this and longer than the rest. */
const goneLengthMax = 32;
/** Lines of that many queues are kept when they are empty, so that a reliable consumer makes no new ones. */
const emptyLinesMax = 8;

export class OpenReads {
  /** Made with the first open read: most sessions never have one. */
  #lines: Map<Queue, Line> | null = null;

  countOf(queue: Queue): number {
    const line = this.#lines?.get(queue);
    return line === undefined ? 0 : line.ids.length - line.first;
  }

  /**
   * Kestrel's rule: whoever reads a queue reliably does so with every get, and has a bound on what is open. Throws
   * KestrelError `read-open` or `too-many-open`.
   */
  requireRoom(queue: Queue, isOpen: boolean, lengthMax: number): void {
    const length = this.countOf(queue);
    if (length === 0) return;
    if (!isOpen) throw new KestrelError("read-open", `a read on ${queue.name} is open`);
    if (length >= lengthMax)
      throw new KestrelError("too-many-open", `${length} reads on ${queue.name} are open`);
  }

  add(queue: Queue, id: number): void {
    this.#lines ??= new Map();
    const line = this.#lines.get(queue);
    if (line === undefined) this.#lines.set(queue, { ids: [id], first: 0 });
    else line.ids.push(id);
  }

  /** Confirms the oldest, `lengthMax` at most; returns how many were open. `client` is told what answers wait for. */
  confirmOldest(queue: Queue, lengthMax: number, client: { holdFor(receipt: Receipt): void }): number {
    let length = 0;
    while (length < lengthMax) {
      const id = this.#takeOldest(queue);
      if (id === undefined) break;
      length++;
      // False: it went back to the head already, because it was open for too long.
      const receipt = queue.confirm(id);
      if (receipt !== null && receipt !== false) client.holdFor(receipt);
    }
    return length;
  }

  /** The oldest goes back to the head, if one is open. */
  abortOldest(queue: Queue): void {
    const id = this.#takeOldest(queue);
    if (id !== undefined) queue.abort(id);
  }

  #takeOldest(queue: Queue): number | undefined {
    const lines = this.#lines;
    const line = lines?.get(queue);
    if (lines === null || line === undefined || line.first === line.ids.length) return undefined;
    const id = line.ids[line.first++];
    if (line.first === line.ids.length) {
      // Setting the length would also let go of the array's memory, which a reliable consumer needs again at once.
      while (line.ids.length > 0) line.ids.pop();
      line.first = 0;
      if (lines.size > emptyLinesMax) lines.delete(queue);
    } else if (line.first > goneLengthMax && line.first * 2 > line.ids.length) {
      line.ids.splice(0, line.first);
      line.first = 0;
    }
    return id;
  }

  /** Takes this one out, if it is there. */
  forget(queue: Queue, id: number): void {
    const line = this.#lines?.get(queue);
    if (line === undefined) return;
    const index = line.ids.indexOf(id, line.first);
    if (index >= 0) line.ids.splice(index, 1);
  }

  /** Puts all back, each queue's in the order of opening, and forgets them. */
  abortAll(): void {
    const lines = this.#lines;
    if (lines === null) return;
    this.#lines = null;
    for (const [queue, { ids, first }] of lines) {
      for (let i = first; i < ids.length; i++) queue.abort(ids[i]!);
    }
  }
}
