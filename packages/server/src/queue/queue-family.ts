/** A log and the queues that read it: a queue and its fanouts. A put into the queue is one record for all of them. */
import type { Log } from "../journal/log.ts";
import type { LogReader } from "../journal/log-reader.ts";
import { Receipt } from "../journal/receipt.ts";
import type { PutRefusal } from "./capacity.ts";
import type { Queue } from "./queue.ts";

/** For a put that nobody keeps: nothing to wait for. */
const keptReceipt: Receipt = new Receipt();
keptReceipt.keep();

export class QueueFamily {
  readonly name: string;
  readonly log: Log;
  /** The queue itself; null while only fanouts exist. */
  parent: Queue | null = null;
  readonly fanouts: Queue[] = [];
  /** The id of the item that was put last; 0 when nobody kept it. */
  lastPutId = 0;
  /** How many queues took that item. A queue that keeps nothing itself is one of them. */
  lastPutLength = 0;

  constructor(name: string, log: Log) {
    this.name = name;
    this.log = log;
  }

  get isEmpty(): boolean {
    return this.parent === null && this.fanouts.length === 0;
  }

  *queues(): Generator<Queue> {
    if (this.parent !== null) yield this.parent;
    yield* this.fanouts;
  }

  add(queue: Queue): void {
    if (queue.reader.name === "") this.parent = queue;
    else this.fanouts.push(queue);
  }

  /** Not for the only one left: that takes the log along, where nothing can be told any more. */
  remove(queue: Queue): void {
    if (queue === this.parent) this.parent = null;
    else this.fanouts.splice(this.fanouts.indexOf(queue), 1);
    this.log.roster.remove(queue.reader);
  }

  /**
   * Puts `source[start, end)` into one of its queues: the parent's items go to all fanouts, too. The queue's own rules
   * decide whether it is taken; a fanout that has no room goes without. Throws KestrelError `disk`.
   */
  put(
    queue: Queue,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    addTimeMs: number,
    expiryMs: number,
  ): Receipt | PutRefusal {
    if (this.log.refusal !== null) throw this.log.refusal;
    const refusal = queue.admit(end - start);
    if (refusal !== null) return refusal;
    return queue === this.parent
      ? this.#putForAll(queue, source, start, end, flags, addTimeMs, expiryMs)
      : this.#putForOne(queue, source, start, end, flags, addTimeMs, expiryMs);
  }

  #putForAll(
    parent: Queue,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    addTimeMs: number,
    expiryMs: number,
  ): Receipt {
    const { log, fanouts } = this;
    const keeps = !parent.settings.fanoutOnly;
    if (!keeps && fanouts.length === 0) {
      this.lastPutId = 0;
      this.lastPutLength = 1;
      return keptReceipt;
    }
    const refusing = this.#fanoutsWithoutRoom(end - start);
    const audience = keeps ? "everyone" : "fanouts";
    const id = log.nextId;
    const receipt = log.appendPut(audience, source, start, end, flags, addTimeMs, expiryMs);
    for (const reader of refusing) reader.takeNewest();
    if (keeps) parent.noteItem(end - start);
    for (const fanout of fanouts) if (!refusing.includes(fanout.reader)) fanout.noteItem(end - start);
    // Last: whoever is served may have let expired items go to this family.
    this.lastPutId = id;
    this.lastPutLength = 1 + fanouts.length - refusing.length;
    return receipt;
  }

  #fanoutsWithoutRoom(dataSize: number): readonly LogReader[] {
    let refusing: LogReader[] = noReaders;
    for (const fanout of this.fanouts) {
      if (fanout.admit(dataSize) === null) continue;
      fanout.counters.discarded++;
      if (refusing === noReaders) refusing = [];
      refusing.push(fanout.reader);
    }
    return refusing;
  }

  #putForOne(
    fanout: Queue,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    addTimeMs: number,
    expiryMs: number,
  ): Receipt {
    const id = this.log.nextId;
    const receipt = this.log.appendPut(fanout.reader, source, start, end, flags, addTimeMs, expiryMs);
    fanout.noteItem(end - start);
    this.lastPutId = id;
    this.lastPutLength = 1;
    return receipt;
  }
}

const noReaders: LogReader[] = [];
