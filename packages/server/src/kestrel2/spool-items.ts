/** Looks through all items of one queue, open ones among them, without taking any. */

import { IdRanges } from "../journal/id-ranges.ts";
import { type Found, LogReader } from "../journal/log-reader.ts";
import type { Queue } from "../queue/queue.ts";
import type { Kestrel2Item } from "./record.ts";

/** Items are copied out of the log's memory in lots of about this size. */
const lotBytes = 1024 * 1024;

interface Lot {
  readonly items: readonly Kestrel2Item[];
  /** What comes after it. */
  readonly found: Found;
}

/**
 * The items of a queue that has a journal, from the oldest on. Reads through a reader that the log does not know
 * of: what that one takes is written nowhere. Throws when the journal can't be read.
 */
export async function* itemsOf(queue: Queue): AsyncGenerator<Kestrel2Item> {
  const { log, number, name, done } = queue.reader;
  const oldest = [...log.chunksBackwards()].at(-1)!;
  const reader = new LogReader(log, number, name, IdRanges.of(done), 0, 0, oldest);
  for (let found: Found = "item"; found !== "none"; ) {
    const lot: Lot | null = await nextLot(reader);
    if (lot === null) throw new Error(`the journal of ${queue.name} can't be read`);
    yield* lot.items;
    found = lot.found;
  }
}

/** Null when the bytes can't be had. */
function nextLot(reader: LogReader): Promise<Lot | null> {
  return new Promise((resolve) => {
    const lot = takeLot(reader);
    if (lot.found !== "loading" || lot.items.length > 0) {
      resolve(lot);
      return;
    }
    reader.onLoaded = (isThere) => {
      reader.onLoaded = () => {};
      // At once: the log lets go of bytes that none of its own readers wants when it has told that they are here.
      resolve(isThere ? takeLot(reader) : null);
    };
  });
}

function takeLot(reader: LogReader): Lot {
  const items: Kestrel2Item[] = [];
  let found = reader.find();
  for (let size = 0; found === "item" && size < lotBytes; found = reader.find()) {
    const { buffer, start, end, addTimeMs, expiryMs } = reader.view;
    const data = Buffer.from(buffer.subarray(start, end));
    items.push({ data, addTimeMs, expiryMs });
    size += data.length;
    reader.take();
  }
  return { items, found };
}
