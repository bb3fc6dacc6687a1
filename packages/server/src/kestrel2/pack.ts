/** Several journals of Kestrel 2.x made into one, as its qpack does. */

import { JournalWriter, type WriteOptions, type Written } from "./journal-writer.ts";
import { type ReplayOptions, replayJournal } from "./replay.ts";

/**
 * Writes one journal that means the same as these files read one after the other, also for files that follow
 * them: open items stay open under their ids.
 */
export async function packJournals(
  paths: readonly string[],
  path: string,
  options: WriteOptions & ReplayOptions = {},
): Promise<Written> {
  const replay = await replayJournal(paths, options);
  const writer = await JournalWriter.start(path, options);
  try {
    let isLastIdSaved = replay.state.lastId === 0;
    for await (const { item, id, isOpen } of replay.itemsWithIds()) {
      if (isOpen) {
        await writer.add(item);
        await writer.open(id);
      } else {
        if (!isLastIdSaved) await writer.saveId(replay.state.lastId);
        isLastIdSaved = true;
        await writer.add(item, id);
      }
    }
    if (!isLastIdSaved) await writer.saveId(replay.state.lastId);
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
