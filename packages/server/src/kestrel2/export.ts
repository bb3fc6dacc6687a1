/** Writes the queues of a spool folder of ours as journals of Kestrel 2.x. The queues stay as they are. */

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { findJournals } from "./journal-set.ts";
import { writeJournal } from "./journal-writer.ts";
import type { Kestrel2Item } from "./record.ts";
import { itemsOf } from "./spool-items.ts";
import { requireQueues, startSpool, type TransferOptions } from "./transfer.ts";

export interface ExportedQueue {
  readonly name: string;
  /** Items. */
  readonly length: number;
  readonly path: string;
  /** Of the file. */
  readonly size: number;
}

/**
 * Writes one file per queue and fanout, an empty one for an empty queue. Items whose time is over
 * are among them: it is for the server that takes them to say what becomes of them. Throws
 * when the folder has a journal of one of the queues already, and when a server is using the spool folder.
 */
export async function exportKestrel2(options: TransferOptions): Promise<ExportedQueue[]> {
  // Starting on a folder makes it; a slip of the fingers must not.
  if (!(await stat(options.from)).isDirectory()) throw new Error(`${options.from} is no folder`);
  const collection = await startSpool(options.from, options);
  const exported: ExportedQueue[] = [];
  try {
    const names = collection.names().filter((name) => options.queueNames?.includes(name) ?? true);
    requireQueues(options, names);
    await mkdir(options.to, { recursive: true });
    const there = (await findJournals(options.to)).journals.map(({ queueName }) => queueName);
    const taken = names.filter((name) => there.includes(name));
    if (taken.length > 0) throw new Error(`${options.to} has journals of these already: ${taken.join(", ")}`);
    for (const name of names) {
      const path = join(options.to, name);
      const items = itemsOf(collection.find(name)!);
      const { length, size } = await writeJournal(path, watched(items, options));
      exported.push({ name, length, path, size });
      options.logger.info({ queue: name, items: length, bytes: size }, "exported");
    }
  } finally {
    await collection.stop();
  }
  return exported;
}

async function* watched(
  items: AsyncIterable<Kestrel2Item>,
  { signal, onProgress }: TransferOptions,
): AsyncGenerator<Kestrel2Item> {
  for await (const item of items) {
    signal?.throwIfAborted();
    yield item;
    onProgress?.(1);
  }
}
