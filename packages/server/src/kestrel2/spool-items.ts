/** Looks through all items of one queue, open ones among them, without taking any. */

import { IdRanges } from "../journal/id-ranges.ts";
import { type Found, LogReader } from "../journal/log-reader.ts";
import type { Queue } from "../queue/queue.ts";
import type { Kestrel2Item } from "./record.ts";

/** Items are copied out of the log's memory in lots of about this size. */
const lotBytes = 1024 * 1024;

/**
 * The items of a queue that has a journal, from the oldest on. Reads through a reader that the log does not know
 * of: what that one takes is written nowhere. Throws when the journal can't be read.
 */
export async function* itemsOf(queue: Queue): AsyncGenerator<Kestrel2Item> {
  const { log, number, name, done } = queue.reader;
  const oldest = [...log.chunksBackwards()].at(-1)!;
  const reader = new LogReader(log, number, name, IdRanges.of(done), 0, 0, oldest);
  for (;;) {
    const loaded = new Promise<boolean>((resolve) => {
      reader.onLoaded = resolve;
    });
    const { lot, found } = takeLot(reader);
    yield* lot;
    if (found === "none") return;
    if (found === "loading" && !(await loaded)) throw new Error(`the journal of ${queue.name} can't be read`);
  }
}

/** In one go: the log may let go of the bytes at the end of any turn. */
function takeLot(reader: LogReader): { lot: Kestrel2Item[]; found: Found } {
  const lot: Kestrel2Item[] = [];
  let found = reader.find();
  for (let size = 0; found === "item" && size < lotBytes; found = reader.find()) {
    const { buffer, start, end, addTimeMs, expiryMs } = reader.view;
    const data = Buffer.from(buffer.subarray(start, end));
    lot.push({ data, addTimeMs, expiryMs });
    size += data.length;
    reader.take();
  }
  return { lot, found };
}
