/** What is said and done about bytes of a segment that do not check. */
import type { Disk } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { viewOf } from "./bytes.ts";
import type { Chunk } from "./chunk.ts";
import { frameHeadSize, type Stretch, sealedFrames } from "./frame.ts";
import { IdRanges, lengthOf } from "./id-ranges.ts";
import type { LogReader } from "./log-reader.ts";
import { decodeRecords, putHeadSize } from "./record.ts";

/** Ids that are gone, as half-open ranges. */
export type LostIds = readonly (readonly [from: number, to: number])[];

/**
 * Says which bytes are damaged and what is lost with them, and keeps a copy of the bytes. `firstLostId`: further items
 * may have been in them, from this one on.
 */
export function reportDamage(
  disk: Pick<Disk, "create">,
  logger: Logger,
  file: string,
  offset: number,
  bytes: Buffer,
  lostIds: LostIds,
  firstLostId: number | null = null,
): void {
  const aside = setAside(disk, file, offset, bytes, logger);
  const further = firstLostId === null ? {} : { firstLostId };
  const fields = { file, offset, size: bytes.length, lostIds, ...further, aside };
  logger.error(fields, "damage in the journal");
}

/** Copies bytes into a file beside the segment; gives its name, or null when that failed too. */
export function setAside(
  disk: Pick<Disk, "create">,
  file: string,
  offset: number,
  bytes: Buffer,
  logger: Logger,
): string | null {
  const name = `${file}.${offset}.damaged`;
  try {
    const copy = disk.create(name);
    copy.write(bytes, 0, bytes.length, 0);
    copy.close();
    return name;
  } catch (error) {
    logger.warn({ err: error, file: name }, "cannot set damaged bytes aside");
    return null;
  }
}

/**
 * Reports the damaged `stretches` of a chunk whose `bytes` were just read, and takes the items that are gone from the
 * readers. `nextId` is the first id behind the chunk. Returns how many ids were lost.
 */
export function loseDamaged(
  disk: Pick<Disk, "create">,
  logger: Logger,
  chunk: Chunk,
  bytes: Buffer,
  stretches: readonly Stretch[],
  nextId: number,
  readers: readonly LogReader[],
): number {
  const lostIds = findMissingIds(bytes, stretches, chunk.firstId, nextId);
  const lostLength = lengthOf(lostIds);
  let lostBytes = -lostLength * putHeadSize;
  for (const { start, end, isSound } of stretches) {
    if (isSound) continue;
    lostBytes += end - start - frameHeadSize;
    const { file } = chunk.segment;
    reportDamage(disk, logger, file!.path, chunk.offset + start, bytes.subarray(start, end), lostIds);
  }
  // Of what is gone the items are known, the bytes only about: each is taken to be as large as the others.
  const bytesPerItem = Math.max(0, lostBytes) / lostLength;
  for (const [from, to] of lostIds) {
    for (const reader of readers) reader.lose(from, to, Math.round(bytesPerItem * (to - from)));
  }
  return lostLength;
}

/** The ids from `firstId` to before `nextId` of which `bytes` hold no put. */
export function findMissingIds(
  bytes: Buffer,
  stretches: readonly Stretch[],
  firstId: number,
  nextId: number,
): LostIds {
  const view = viewOf(bytes);
  const present = new IdRanges();
  for (const { start, end, isSound } of stretches) {
    if (!isSound) continue;
    for (const [from, to] of sealedFrames(view, start, end)) {
      for (const { record } of decodeRecords(bytes, view, from, to))
        if (record.type === "put") present.add(record.id);
    }
  }
  return present.gaps(firstId, nextId);
}
