/**
 * Reads a Kestrel 2.x journal to its end and gives the items that are in the queue then. However many gigabytes
 * have passed through, memory holds eight bytes per item that is left; the data are read again when the items
 * are asked for.
 */

import { type JournalFault, JournalFile } from "./journal-file.ts";
import { QueueState, type ReopenRule } from "./queue-state.ts";
import type { JournalRecord, Kestrel2Item } from "./record.ts";

export interface ReplayOptions {
  /** Add time of items whose record doesn't tell. The current time, unless it is said. */
  nowMs?: number;
}

/** More faults than this are counted and not kept. */
const faultsMax = 1000;

/** Replays files in the order given, as one journal. Throws what the file system throws, and for nothing else. */
export async function replayJournal(paths: readonly string[], options: ReplayOptions = {}): Promise<Replay> {
  const nowMs = options.nowMs ?? Date.now();
  const replay = await Replay.run(paths, "next-id", nowMs);
  if (!replay.state.isAmbiguous || replay.oddLength === 0) return replay;
  const other = await Replay.run(paths, "same-id", nowMs);
  return other.oddLength < replay.oddLength ? other : replay;
}

export class Replay {
  /** Up to a thousand; `faultLength` tells how many there were. */
  readonly faults: readonly JournalFault[];
  readonly faultLength: number;
  /** Faults that are `odd`. */
  readonly oddLength: number;
  /** Records that were read. */
  readonly recordLength: number;
  /** Of all files. */
  readonly size: number;
  /** Of the queue, where positions count through all files as if they were one. */
  readonly state: QueueState;
  readonly #files: readonly { path: string; start: number; size: number }[];
  readonly #nowMs: number;

  static async run(paths: readonly string[], rule: ReopenRule, nowMs: number): Promise<Replay> {
    const state = new QueueState(rule);
    const files: { path: string; start: number; size: number }[] = [];
    const faults: JournalFault[] = [];
    const lengths = { faults: 0, odd: 0, records: 0 };
    const onFault = (fault: JournalFault): void => {
      lengths.faults++;
      if (fault.kind === "odd") lengths.odd++;
      if (faults.length < faultsMax) faults.push(fault);
    };
    let start = 0;
    for (const path of paths) {
      const file = await JournalFile.open(path);
      try {
        for await (const records of file.records(onFault)) {
          for (const record of records) {
            const reason = state.apply(record, start + record.offset);
            if (reason !== undefined)
              onFault({ path, offset: record.offset, kind: "odd", reason, unreadBytes: 0 });
          }
          lengths.records += records.length;
        }
      } finally {
        await file.close();
      }
      files.push({ path, start, size: file.size });
      start += file.size;
    }
    return new Replay(state, files, faults, lengths, start, nowMs);
  }

  private constructor(
    state: QueueState,
    files: readonly { path: string; start: number; size: number }[],
    faults: readonly JournalFault[],
    lengths: { faults: number; odd: number; records: number },
    size: number,
    nowMs: number,
  ) {
    this.state = state;
    this.faults = faults;
    this.faultLength = lengths.faults;
    this.oddLength = lengths.odd;
    this.recordLength = lengths.records;
    this.size = size;
    this.#files = files;
    this.#nowMs = nowMs;
  }

  /** Items left. */
  get length(): number {
    return this.state.length;
  }

  /** The items that are left, from the head on: first those that were open, in the order of their ids. */
  async *items(): AsyncGenerator<Kestrel2Item> {
    for await (const { item } of this.itemsWithIds()) yield item;
  }

  /** The same; open items with the id that they are open under, the others with an id of their own or 0. */
  async *itemsWithIds(): AsyncGenerator<{ item: Kestrel2Item; id: number; isOpen: boolean }> {
    for await (const { file, record, id, isOpen } of this.#recordsOfItems()) {
      const data = await file.readData(record);
      const addTimeMs = record.addTimeMs ?? this.#nowMs;
      yield { item: { data, addTimeMs, expiryMs: record.expiryMs }, id, isOpen };
    }
  }

  /** Bytes of data in the items that are left. */
  async measure(): Promise<number> {
    let size = 0;
    for await (const { record } of this.#recordsOfItems()) size += record.dataSize;
    return size;
  }

  async *#recordsOfItems(): AsyncGenerator<{
    file: JournalFile;
    record: JournalRecord;
    id: number;
    isOpen: boolean;
  }> {
    let file: JournalFile | undefined;
    let place = this.#files[0];
    try {
      for (const { id, position, isOpen } of this.#positions()) {
        if (place === undefined || position < place.start || position >= place.start + place.size) {
          // The last that begins here or before: an empty file has the same start as the one that follows.
          place = this.#files.findLast(({ start }) => start <= position)!;
          await file?.close();
          file = undefined;
        }
        file ??= await JournalFile.open(place.path);
        yield { file, record: await file.readRecord(position - place.start), id, isOpen };
      }
    } finally {
      await file?.close();
    }
  }

  *#positions(): Generator<{ id: number; position: number; isOpen: boolean }> {
    for (const { id, position } of this.state.openItems()) yield { id, position, isOpen: true };
    for (const { id, position } of this.state.waitingItems()) yield { id, position, isOpen: false };
  }
}
