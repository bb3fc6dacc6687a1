// Many items in one call, as users see it: what became of each that was put, and reads that take one item after the
// other over a few connections, each confirmed together with the opening of the next.

import type { BatchOutcome } from "./call-options.ts";
import type { PutResult } from "./cluster/puts.ts";
import type { FoundRead } from "./cluster/read-outcome.ts";
import type { ReadRequest, Reads } from "./cluster/reads.ts";
import { KestrelClientError } from "./errors.ts";
import type { OpenRead } from "./transport/transport.ts";
import { TransportError } from "./transport/transport-error.ts";

/** Reads of one batch that are under way at the same time. */
const READS_MAX = 8;

/** What became of one item, in users' words. */
export function batchOutcomeOf(result: PutResult): BatchOutcome {
  if (!(result instanceof KestrelClientError)) return result;
  if (result.code === "unknown") return { stored: "unknown", node: result.node!, error: result };
  return { stored: false, reason: "error", error: result };
}

/** Takes up to so many items; waits, if told to, only for the first. `opensMany`: one call opens and confirms many. */
export async function takeUpTo(
  length: number,
  request: ReadRequest,
  reads: Reads,
  opensMany: boolean,
): Promise<FoundRead[]> {
  const more = { ...request, waitMs: 0, partial: "empty" } as const;
  if (opensMany) {
    const batch = await reads.openMany(request, length);
    return takeBatches(batch, length, (left) => reads.openMany(more, left));
  }
  const first = await reads.open(request);
  return first === null ? [] : takeMany(first, length, () => reads.open(more));
}

/**
 * Takes up to so many items that are there, beginning with one that was found already. `open` finds another one,
 * anywhere; null when there is none.
 */
async function takeMany(
  first: FoundRead,
  length: number,
  open: () => Promise<FoundRead | null>,
): Promise<FoundRead[]> {
  const taken: FoundRead[] = [];
  /** Taken, or about to be. */
  let claimed = 1;
  // Whatever goes wrong now: what was taken already must be given to the caller.
  const openOrNothing = (): Promise<FoundRead | null> =>
    open().catch((error: unknown) => {
      if (error instanceof KestrelClientError) return null;
      throw error;
    });
  const work = async (start: FoundRead | null): Promise<void> => {
    let found = start;
    while (found !== null) {
      const mayGoOn = claimed < length;
      if (mayGoOn) claimed++;
      const { isTaken, next } = await confirm(found, mayGoOn);
      if (isTaken) taken.push(found);
      else claimed--;
      if (next === null && mayGoOn) {
        found = await openOrNothing();
        if (found === null) claimed--;
      } else {
        found = next;
      }
    }
  };
  const others = Array.from({ length: Math.min(READS_MAX, length) - 1 }, async () => {
    if (claimed >= length) return;
    claimed++;
    const found = await openOrNothing();
    if (found === null) claimed--;
    await work(found);
  });
  await Promise.all([work(first), ...others]);
  return taken;
}

/**
 * The same where one call opens and confirms many: those of `open` are taken as they come, which gives up to so many at
 * a time.
 */
async function takeBatches(
  first: readonly FoundRead[],
  length: number,
  open: (lengthMax: number) => Promise<FoundRead[]>,
): Promise<FoundRead[]> {
  const taken: FoundRead[] = [];
  let batch = first;
  while (batch.length > 0) {
    const outcomes = await Promise.all(batch.map((found) => confirm(found, false)));
    taken.push(...batch.filter((_, index) => outcomes[index]!.isTaken));
    if (taken.length >= length) break;
    batch = await open(length - taken.length).catch((error: unknown) => {
      if (error instanceof KestrelClientError) return [];
      throw error;
    });
  }
  return taken;
}

/** Confirms one item, if wanted together with opening the next one there. */
async function confirm(
  found: FoundRead,
  mayGoOn: boolean,
): Promise<{ isTaken: boolean; next: FoundRead | null }> {
  const { queue, node, read } = found;
  try {
    if (!mayGoOn) {
      await read.confirm();
      return { isTaken: true, next: null };
    }
    const next: OpenRead | null = await read.confirmAndOpen();
    return { isTaken: true, next: next === null ? null : { queue, node, read: next } };
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    // What may have been confirmed must not be lost; what surely was not is back in its queue.
    return { isTaken: error.mayHaveHappened, next: null };
  }
}
