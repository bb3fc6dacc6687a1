/** Tells what a journal of Kestrel 2.x says, record by record, as its qdump does. */

import { type JournalFault, JournalFile } from "./journal-file.ts";
import { QueueState } from "./queue-state.ts";
import type { JournalRecord } from "./record.ts";

export interface DescribedRecord {
  /** Of the file. */
  readonly path: string;
  readonly record: JournalRecord;
  /** The id that it is about, also where it isn't written down but follows from what was before; 0 for none. */
  readonly id: number;
  /** Why it means nothing here; null when it does. */
  readonly oddity: string | null;
  /** Of the item, when they were asked for and it has one. */
  readonly data: Buffer | null;
}

/** Goes through files as one journal. A file that is cut or damaged ends with its fault. */
export async function* describeJournal(
  paths: readonly string[],
  options: { withData?: boolean } = {},
): AsyncGenerator<DescribedRecord | JournalFault> {
  const state = new QueueState();
  let start = 0;
  for (const path of paths) {
    const faults: JournalFault[] = [];
    const file = await JournalFile.open(path);
    try {
      for await (const records of file.records((fault) => faults.push(fault))) {
        for (const record of records) {
          const oddity = state.apply(record, start + record.offset) ?? null;
          const id = record.operation === "open" && oddity === null ? state.openedId : record.id;
          const hasItem = record.operation === "add" || record.operation === "continue";
          const data = hasItem && options.withData ? await file.readData(record) : null;
          yield { path, record, id, oddity, data };
        }
      }
    } finally {
      await file.close();
    }
    yield* faults;
    start += file.size;
  }
}

const words: Record<JournalRecord["operation"], string> = {
  add: "ADD",
  remove: "REM",
  open: "RSV",
  "save-id": "XID",
  abort: "CAN",
  confirm: "ACK",
  continue: "CON",
};

/** One line for a record or a fault: its offset and Kestrel's word for it. Times are told relative to `nowMs`. */
export function renderDescribed(described: DescribedRecord | JournalFault, nowMs: number): string {
  if ("kind" in described) {
    const { offset, kind, reason, unreadBytes } = described;
    return `${hex(offset)}  ${kind}: ${reason}; ${unreadBytes} bytes are not read`;
  }
  const { record, id, oddity } = described;
  const parts = [words[record.operation]];
  if (record.operation === "add" || record.operation === "continue") {
    parts.push(String(record.dataSize));
    if (id !== 0) parts.push(`xid=${id}`);
    if (record.expiryMs !== 0) {
      parts.push(record.expiryMs < nowMs ? "expired" : `exp=${record.expiryMs - nowMs}ms`);
    }
  } else if (id !== 0) {
    parts.push(String(id));
  }
  if (oddity !== null) parts.push(`(${oddity})`);
  return `${hex(record.offset)}  ${parts.join(" ")}`;
}

function hex(offset: number): string {
  return offset.toString(16).padStart(8, "0");
}
