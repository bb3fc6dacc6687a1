/**
 * The open reads of one session: per queue, first opened, first out. A queue that was deleted and made anew is
 * another queue: its ids may be the same, its reads are not.
 */
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
  readonly #lines: Map<Queue, Line> = new Map();

  countOf(queue: Queue): number {
    const line = this.#lines.get(queue);
    return line === undefined ? 0 : line.ids.length - line.first;
  }

  add(queue: Queue, id: number): void {
    const line = this.#lines.get(queue);
    if (line === undefined) this.#lines.set(queue, { ids: [id], first: 0 });
    else line.ids.push(id);
  }

  /** Takes the oldest out; undefined when none is open. */
  takeOldest(queue: Queue): number | undefined {
    const line = this.#lines.get(queue);
    if (line === undefined || line.first === line.ids.length) return undefined;
    const id = line.ids[line.first++];
    if (line.first === line.ids.length) {
      // Setting the length would also let go of the array's memory, which a reliable consumer needs again at once.
      while (line.ids.length > 0) line.ids.pop();
      line.first = 0;
      if (this.#lines.size > emptyLinesMax) this.#lines.delete(queue);
    } else if (line.first > goneLengthMax && line.first * 2 > line.ids.length) {
      line.ids.splice(0, line.first);
      line.first = 0;
    }
    return id;
  }

  /** Takes this one out, if it is there. */
  forget(queue: Queue, id: number): void {
    const line = this.#lines.get(queue);
    if (line === undefined) return;
    const index = line.ids.indexOf(id, line.first);
    if (index >= 0) line.ids.splice(index, 1);
  }

  /** Puts all back, each queue's in the order of opening, and forgets them. */
  abortAll(): void {
    for (const [queue, { ids, first }] of this.#lines) {
      for (let i = first; i < ids.length; i++) queue.abort(ids[i]!);
    }
    this.#lines.clear();
  }
}
