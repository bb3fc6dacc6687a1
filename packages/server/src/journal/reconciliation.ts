/**
 * Makes what readers have written down agree with what the files hold. After a kill they agree already, and next to
 * nothing is read for it. After a power loss the removal of a segment, or its rewriting, may have outlived the
 * records that allowed it; damage may have taken items or the records that finished them. Then everything is counted
 * anew, which reads the whole log.
 */
import type { Logger } from "../logging.ts";
import { viewOf } from "./bytes.ts";
import type { LostIds } from "./damage.ts";
import { sealedFrames, splitStretches } from "./frame.ts";
import { IdRanges, lengthOf } from "./id-ranges.ts";
import { type ChunkPlace, decodeRecords, isFor } from "./record.ts";
import { readHead, type Segment } from "./segment.ts";

/** A segment and where its content lies in the file. */
export interface PlacedSegment {
  readonly segment: Segment;
  readonly places: readonly ChunkPlace[];
}

/** A reader while records are replayed. */
export interface ReplayedReader {
  readonly number: number;
  readonly name: string;
  items: number;
  bytes: number;
  readonly done: IdRanges;
}

/** What was found out by reading no more than necessary. */
export interface Findings {
  readonly folder: string;
  readonly segments: readonly PlacedSegment[];
  readonly readers: readonly ReplayedReader[];
  /** Ids that the files hold; of segments that were not read, all that can be in them. */
  readonly present: IdRanges;
  readonly nextId: number;
  /** What was finished of ids below this one is not told in full. */
  readonly toldFrom: number;
  /** The readers' numbers cannot be trusted. */
  readonly mustCount: boolean;
}

/**
 * Finishes the ids that no file holds: no reader will ever meet them, so they must neither be counted nor keep a
 * segment alive. Corrects the readers' numbers, and says whether it had to, since no file tells the right ones then.
 * Gives, by a reader's number, which of its items are lost.
 */
export function reconcile(
  findings: Findings,
  logger: Logger,
): { readonly lostIds: Map<number, LostIds>; readonly isCorrected: boolean } {
  const { folder, segments, readers, nextId, toldFrom } = findings;
  let { present, mustCount } = findings;
  for (const { segment } of segments) if (learnFromRewriting(segment, readers)) mustCount = true;
  if (readers.some(({ done }) => present.gaps(0, nextId).some(([from, to]) => !done.covers(from, to))))
    mustCount = true;
  if (mustCount) present = countAgain(segments, readers);
  const lost = new Map<number, LostIds>();
  const missing = present.gaps(0, nextId);
  for (const { number, name, done } of readers) {
    const lostIds = missing.flatMap(([from, to]) => done.gaps(Math.max(from, toldFrom), to));
    for (const [from, to] of missing) done.addRange(from, to);
    if (lostIds.length === 0) continue;
    lost.set(number, lostIds);
    const fields = { folder, reader: name, length: lengthOf(lostIds), lostIds };
    logger.warn(fields, "items are in no file of the journal");
  }
  return { lostIds: lost, isCorrected: mustCount };
}

/** Whether a rewritten segment lacks items that the readers count on: its rewriting came after what they know. */
function learnFromRewriting(segment: Segment, readers: readonly ReplayedReader[]): boolean {
  const { firstId, nextId } = segment;
  // All ids are there: it was never rewritten.
  if (segment.items >= nextId - firstId) return false;
  const head = readHead(segment.file!, segment.seed);
  if (head?.isRewritten !== true) return false;
  let isNews = false;
  for (const { number, name, done } of readers) {
    const state = head.readers.find((known) => known.number === number && known.name === name);
    // A reader that was not there any more: nothing was kept for its sake.
    if (state === undefined) isNews ||= !done.covers(firstId, nextId);
    for (const [from, to] of state?.done ?? []) {
      if (done.covers(from, to)) continue;
      done.addRange(from, to);
      isNews = true;
    }
  }
  return isNews;
}

/** Counts what is there and not done; gives every id that is there. */
function countAgain(segments: readonly PlacedSegment[], readers: readonly ReplayedReader[]): IdRanges {
  const present = new IdRanges();
  for (const reader of readers) {
    reader.items = 0;
    reader.bytes = 0;
  }
  for (const { segment, places } of segments) {
    let { firstId: nextId } = segment;
    for (const { offset, size } of places) {
      const bytes = Buffer.allocUnsafeSlow(size);
      const read = segment.file!.readNow(bytes, 0, size, offset);
      // After a power loss a file may have a second name, and have been cut under that.
      bytes.fill(0, read);
      for (const { start, end, isSound } of splitStretches(bytes, 0, size, segment.seed)) {
        if (isSound) nextId = countStretch(bytes, start, end, nextId, readers, present);
      }
    }
  }
  return present;
}

/** Gives the id behind its last item. Ids that do not rise are a piece of the file that is there twice. */
function countStretch(
  bytes: Buffer,
  start: number,
  end: number,
  firstId: number,
  readers: readonly ReplayedReader[],
  present: IdRanges,
): number {
  const view = viewOf(bytes);
  let nextId = firstId;
  for (const [from, to] of sealedFrames(view, start, end)) {
    for (const { record } of decodeRecords(bytes, view, from, to)) {
      if (record.type !== "put" || record.id < nextId) continue;
      nextId = record.id + 1;
      present.add(record.id);
      for (const reader of readers) {
        if (!isFor(record.reader, reader)) {
          reader.done.add(record.id);
        } else if (!reader.done.has(record.id)) {
          reader.items++;
          reader.bytes += record.dataEnd - record.dataStart;
        }
      }
    }
  }
  return nextId;
}
