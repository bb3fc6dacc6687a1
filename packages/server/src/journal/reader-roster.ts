/**
 * Who reads one log: the queue itself and its fanouts, each with the number under which the log's records know it.
 * Who comes or goes does so in the log, too, by a record of the turn at hand.
 */
import { IdRanges } from "./id-ranges.ts";
import type { Log } from "./log.ts";
import { LogReader } from "./log-reader.ts";
import { encodeReaderAdded, encodeReaderRemoved, type ReaderState, readerNumberMax } from "./record.ts";
import type { SegmentChain } from "./segment-chain.ts";

/** Appends a record to the log; called again for each turn in which the record is written. */
export type AppendReaderRecord = (encode: () => Buffer) => void;

export class ReaderRoster {
  readonly readers: LogReader[] = [];
  readonly #log: Log;
  readonly #chain: SegmentChain;
  readonly #append: AppendReaderRecord;
  #nextNumber = 0;

  constructor(log: Log, chain: SegmentChain, append: AppendReaderRecord) {
    this.#log = log;
    this.#chain = chain;
    this.#append = append;
  }

  /** The readers that the log begins with. `nextNumber`: the number that comes first for another one. */
  begin(states: readonly ReaderState[], nextNumber: number): void {
    this.#nextNumber = nextNumber;
    for (const { number, name, done, items, bytes } of states) {
      const ids = IdRanges.of(done);
      const chunk = this.#chain.chunkOf(ids.firstMissing(0));
      this.readers.push(new LogReader(this.#log, number, name, ids, items, bytes, chunk));
    }
  }

  /** The reader of that name; empty: the queue itself. */
  find(name: string): LogReader | undefined {
    return this.readers.find((reader) => reader.name === name);
  }

  /** A reader that sees every item from now on. */
  add(name: string): LogReader {
    const log = this.#log;
    const number = this.#freeNumber();
    const firstId = log.nextId;
    const reader = new LogReader(log, number, name, IdRanges.of([[0, firstId]]), 0, 0, log.tail);
    // Should this turn fail, its ids are given to other items, which the reader is to see.
    this.#append(() => encodeReaderAdded(number, Math.min(firstId, log.nextId), name));
    reader.moveToEnd(log.tail);
    this.readers.push(reader);
    return reader;
  }

  remove(reader: LogReader): void {
    this.readers.splice(this.readers.indexOf(reader), 1);
    this.#append(() => encodeReaderRemoved(reader.number));
    // It may have been the last that wanted them.
    this.#chain.suspectAll();
  }

  /** Numbers come round again only after all others: one that is in older records is not soon somebody else's. */
  #freeNumber(): number {
    let number = this.#nextNumber;
    while (this.readers.some((reader) => reader.number === number)) number = (number + 1) % readerNumberMax;
    this.#nextNumber = (number + 1) % readerNumberMax;
    return number;
  }
}
