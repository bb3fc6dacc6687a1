/** Brings the journals of a Kestrel 2.x spool folder into one of ours. The originals are only read. */

import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { NodeDisk } from "../disk.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";
import { familyNameOf, queueNameProblem } from "../settings/queue-name.ts";
import type { JournalFault } from "./journal-file.ts";
import { findJournals, type JournalSet } from "./journal-set.ts";
import { type Replay, replayJournal } from "./replay.ts";
import { requireQueues, startSpool, type TransferOptions } from "./transfer.ts";

export interface ImportedQueue {
  readonly name: string;
  /** Items. */
  readonly length: number;
  /** Bytes of their data. */
  readonly size: number;
  /** What the journal had that it shouldn't; at most a thousand, `faultLength` counts all. */
  readonly faults: readonly JournalFault[];
  readonly faultLength: number;
}

export interface ImportReport {
  readonly queues: readonly ImportedQueue[];
  /** Files of the folder that are no part of what was imported, and why. */
  readonly ignored: readonly { path: string; reason: string }[];
}

/** Has a `~`, which no queue's name has: a server that finds it after a crash removes it. */
const workFolder = "~import";
/** As much is written in one turn: data, and this much more for each item. */
const turnBytes = 1024 * 1024;
const itemBytes = 64;

/**
 * Imports journals of Kestrel 2.x into a spool folder of ours, with the times at which items were put and expire.
 * Fanouts keep what they have, and are not fed what their parents have. The import is made aside and moved in at
 * its end, one queue with its fanouts at a time: when it fails, or the process is killed, each of them is there
 * whole or not at all. Throws when a queue of that name is in the folder already, and when a server is using it.
 */
export async function importKestrel2(options: TransferOptions): Promise<ImportReport> {
  const { to, disk = new NodeDisk() } = options;
  const { journals, ignored } = await chooseJournals(options);
  disk.makeFolder(to);
  const lock = await disk.lockFolder(to, (reason) => options.logger.info({ folder: to }, reason));
  const work = join(to, workFolder);
  try {
    const families = [...new Set(journals.map(({ queueName }) => familyNameOf(queueName)))];
    const taken = families.filter((family) => disk.isFolder(join(to, family)));
    if (taken.length > 0) throw new Error(`${to} has queues of that name already: ${taken.join(", ")}`);
    await disk.removeFolder(work);
    const queues = await importInto(work, journals, { ...options, disk });
    for (const family of families) disk.rename(join(work, family), join(to, family));
    await disk.syncFolder(to);
    return { queues, ignored };
  } finally {
    await disk.removeFolder(work);
    lock.release();
  }
}

async function chooseJournals(
  options: TransferOptions,
): Promise<{ journals: JournalSet[]; ignored: { path: string; reason: string }[] }> {
  const { journals: all, ignored: others } = await findJournals(options.from);
  const ignored = [...others];
  const journals = all.filter(({ queueName, paths }) => {
    const problem = queueNameProblem(queueName);
    let reason: string | undefined;
    if (problem !== undefined) reason = `a queue's name ${problem}`;
    else if (options.queueNames?.includes(queueName) === false) reason = "not asked for";
    if (reason !== undefined) for (const path of paths) ignored.push({ path, reason });
    return reason === undefined;
  });
  requireQueues(
    options,
    journals.map(({ queueName }) => queueName),
  );
  return { journals, ignored };
}

async function importInto(
  spoolPath: string,
  journals: readonly JournalSet[],
  options: TransferOptions,
): Promise<ImportedQueue[]> {
  const nowMs = (options.clock ?? systemClock).now();
  const collection = await startSpool(spoolPath, options);
  const imported: ImportedQueue[] = [];
  try {
    for (const { queueName, paths } of journals) {
      options.signal?.throwIfAborted();
      const replay = await replayJournal(paths, { nowMs });
      const { faults, faultLength, length } = replay;
      const size = await fill(collection.ensure(queueName), replay, options);
      imported.push({ name: queueName, length, size, faults, faultLength });
      options.logger.info({ queue: queueName, items: length, bytes: size, faults: faultLength }, "imported");
    }
  } finally {
    await collection.stop();
  }
  return imported;
}

/** Puts a journal's items into one queue alone, its fanouts aside. Gives the bytes of their data. */
async function fill(queue: Queue, replay: Replay, options: TransferOptions): Promise<number> {
  const { reader } = queue;
  const { signal, onProgress } = options;
  let size = 0;
  let turnSize = 0;
  let turnLength = 0;
  for await (const { data, addTimeMs, expiryMs } of replay.items()) {
    // A time before 1970 is as good as its first millisecond, and 0 would mean never.
    const expiry = expiryMs < 0 ? 1 : expiryMs;
    const receipt = reader.log.appendPut(reader, data, 0, data.length, 0, Math.max(addTimeMs, 0), expiry);
    size += data.length;
    turnSize += data.length + itemBytes;
    turnLength++;
    if (turnSize < turnBytes) continue;
    await written(receipt);
    signal?.throwIfAborted();
    onProgress?.(turnLength);
    turnSize = turnLength = 0;
  }
  onProgress?.(turnLength);
  return size;
}

async function written(receipt: Receipt): Promise<void> {
  await new Promise<void>((resolve) => receipt.whenSettled(resolve));
  if (receipt.error !== null) throw receipt.error;
}
