/**
 * How safe what a log has written is, by the queue's `syncJournal`. fdatasync runs in the background, one at a time,
 * and everything written while it runs shares the next one (group commit); nobody but the answers that ask for it
 * ever waits. Clients that are answered put again at once: the next sync waits a moment for them, or else two halves
 * of the clients would take turns, each waiting for the other's sync too. A sync that failed is never repeated as if
 * nothing had happened: the system may have dropped the bytes, so the log is told and starts anew.
 */
import type { Clock, Timer } from "../clock.ts";
import { KestrelError } from "../errors.ts";
import type { QueueSettings } from "../settings/settings.ts";
import type { Receipt } from "./receipt.ts";
import type { Segment } from "./segment.ts";

/** The next sync waits for those just answered as long as theirs took, within these bounds. */
const gatherMsMin = 1;
const gatherMsMax = 10;
/** Answers wait for syncs of at least so many bytes: there are many, and room for the next ones makes them faster. */
const busySyncSizeMin = 16 * 1024;
/** Larger ones would use up the room that is made at once, and each write down new blocks for all the zeros. */
const busySyncSizeMax = 256 * 1024;
/** How many more of them there is to be room for. */
const syncsAhead = 16;

export class LogSync {
  /** Items below this id are as safe as the settings ask. */
  safeNextId = 1;
  readonly #clock: Clock;
  readonly #onFailure: (error: KestrelError) => void;
  /** Segments with bytes that no sync has covered. */
  #dirty: Set<Segment> = new Set();
  /** One of them: nearly every turn writes to the same as the last. */
  #written: Segment | null = null;
  #syncFolder: (() => Promise<void>) | null = null;
  /** What an earlier process has left, synced or not: the first sync covers that too. */
  #inherited: readonly Segment[] = [];
  #receipts: Receipt[] = [];
  /** Segments of which a failed sync may have dropped bytes, as long as they are not written again. */
  readonly #unsure: Set<Segment> = new Set();
  /** What may go once all that is written now is on the medium. */
  #removals: ((isAllowed: boolean) => void)[] = [];
  #running: Promise<void> | null = null;
  #isWanted = false;
  /** Items below this id were written by turns that wait for a sync. */
  #writtenNextId = 1;
  /** Items put that no sync has covered or is covering. */
  #puts = 0;
  /** Waits until as many have been put as are expected; null: it does not wait. */
  #gathering: Timer | null = null;
  #putsExpected = 0;
  /** A period is running at whose end there is a sync. */
  #timer: Timer | null = null;
  /** It ends: no more syncs are to come. */
  #isSettling = false;
  #isClosed = false;

  constructor(clock: Clock, onFailure: (error: KestrelError) => void) {
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /**
   * A turn's records, with ids below `nextId`, are with the operating system: its receipt is kept, or waits for the
   * medium where `syncJournal` is 0.
   */
  turnWritten(
    segment: Segment,
    receipt: Receipt,
    nextId: number,
    syncJournal: QueueSettings["syncJournal"],
  ): void {
    this.written(segment);
    if (syncJournal === 0) {
      receipt.whenSettled(() => {
        this.safeNextId = Math.max(this.safeNextId, nextId);
      });
      this.#receipts.push(receipt);
      this.#puts += nextId - Math.max(this.safeNextId, this.#writtenNextId);
      this.#writtenNextId = nextId;
      if (this.#gathering === null || this.#puts >= this.#putsExpected) this.#request();
      return;
    }
    if (typeof syncJournal === "number") this.#requestLater(syncJournal);
    this.safeNextId = nextId;
    receipt.keep();
  }

  /** The segment has new bytes. */
  written(segment: Segment): void {
    if (segment === this.#written) return;
    this.#written = segment;
    this.#dirty.add(segment);
  }

  /** The segment's file is new: it survives a power loss once `syncFolder` has run. */
  created(segment: Segment, syncFolder: () => Promise<void>): void {
    this.#dirty.add(segment);
    this.#syncFolder = syncFolder;
  }

  /** These segments are there since the start: nobody knows what of them the process before this one has synced. */
  inherited(segments: readonly Segment[], syncFolder: () => Promise<void>): void {
    this.#inherited = segments;
    this.#syncFolder = syncFolder;
  }

  /** The segment is gone: nothing to sync. */
  forget(segment: Segment): void {
    this.#dirty.delete(segment);
    if (segment === this.#written) this.#written = null;
  }

  /**
   * Allows a removal when all that has been written so far is synced, which somebody else asks for. Forbids it when the
   * log is closed before.
   */
  beforeRemoval(remove: (isAllowed: boolean) => void): void {
    this.#removals.push(remove);
  }

  /** Syncs when a removal waits for it. */
  requestForRemovals(): void {
    if (this.#removals.length > 0) this.#request();
  }

  /**
   * Syncs the names that a failed sync has left unsynced, which nothing else may ask for. Rejects with the system's
   * error.
   */
  async syncNames(): Promise<void> {
    const syncFolder = this.#syncFolder;
    await syncFolder?.();
    // A segment may have been created in the meantime.
    if (this.#syncFolder === syncFolder) this.#syncFolder = null;
  }

  /**
   * Waits until nothing is unsynced or a sync has failed. A removal that is not allowed then is left to the next start.
   */
  async settle(): Promise<void> {
    this.#isSettling = true;
    do {
      this.#request();
      await this.#running;
    } while (this.#running !== null || this.#dirty.size + this.#receipts.length > 0);
  }

  /** Begins no sync any more. Whoever still waits for one is told that all is well: what it was about goes with the log. */
  close(): void {
    this.#isClosed = true;
    const receipts = this.#receipts;
    this.#receipts = [];
    for (const receipt of receipts) receipt.keep();
    for (const remove of this.#removals) remove(false);
    this.#removals = [];
    this.#timer?.cancel();
    this.#gathering?.cancel();
  }

  #requestLater(periodMs: number): void {
    this.#timer ??= this.#clock.after(periodMs, () => {
      this.#timer = null;
      this.#request();
    });
  }

  /** Syncs what has been written so far. */
  #request(): void {
    if (this.#running !== null) this.#isWanted = true;
    else if (this.#dirty.size + this.#receipts.length + this.#removals.length > 0)
      this.#running = this.#run();
  }

  /** What is written now is synced together with what those put who have just been answered, if they do so soon. */
  #gather(putsAnswered: number, tookMs: number): void {
    this.#putsExpected = this.#puts + putsAnswered;
    const waitMs = Math.min(gatherMsMax, Math.max(gatherMsMin, tookMs));
    this.#gathering = this.#clock.after(waitMs, () => this.#request());
  }

  /** Nothing goes while the disk may lack something of what allows it. */
  #removeOrWait(removals: readonly ((isAllowed: boolean) => void)[]): void {
    for (const segment of this.#unsure)
      if (!segment.isUnsure || segment.isDropped) this.#unsure.delete(segment);
    // Another log may have a closed one's folder.
    if (this.#unsure.size > 0 && !this.#isClosed) this.#removals.unshift(...removals);
    else for (const remove of removals) remove(!this.#isClosed);
  }

  /** One of several files has failed after another had: meanwhile its bytes may have been written again, and be dropped now. */
  #failLate(segment: Segment, cause: Error): void {
    if (this.#isClosed || segment.isDropped) return;
    segment.failedSyncs++;
    segment.isUnsure = true;
    this.#unsure.add(segment);
    this.#onFailure(syncError(cause));
  }

  async #run(): Promise<void> {
    const beganMs = this.#clock.now();
    const puts = this.#puts;
    this.#puts = 0;
    this.#gathering?.cancel();
    this.#gathering = null;
    const inherited = new Set(this.#inherited.filter((segment) => !segment.isDropped));
    const covered = [...new Set([...inherited, ...this.#dirty])].map((segment) => ({
      segment,
      size: segment.size,
    }));
    const receipts = this.#receipts;
    const syncFolder = this.#syncFolder;
    const removals = this.#removals;
    this.#syncFolder = null;
    this.#inherited = [];
    this.#removals = [];
    this.#dirty = new Set();
    this.#written = null;
    this.#receipts = [];
    this.#isWanted = false;
    let hasFailed = false;
    try {
      if (receipts.length > 0 && !this.#isSettling)
        for (const { segment } of covered) makeRoomIfBusy(segment);
      await Promise.all(
        covered.map(({ segment }) =>
          syncFile(segment, inherited.has(segment)).catch((cause: Error) => {
            if (hasFailed) this.#failLate(segment, cause);
            throw cause;
          }),
        ),
      );
      if (syncFolder !== null) await syncFolder();
      for (const { segment, size } of covered) {
        if (segment.isUnsure) continue;
        segment.syncedSize = size;
        segment.unsyncedHead = null;
      }
      this.#removeOrWait(removals);
      // What an earlier sync has dropped of the same file may end it, on the medium, before what this one has covered.
      if (covered.some(({ segment }) => segment.isUnsure && !segment.isDropped)) {
        const words = "an earlier sync failed: what it may have dropped is not written again yet";
        const error = new KestrelError("disk", words);
        for (const receipt of receipts) receipt.fail(error, null);
      } else {
        for (const receipt of receipts) receipt.keep();
      }
    } catch (cause) {
      hasFailed = true;
      this.#syncFolder ??= syncFolder;
      this.#inherited = [...inherited];
      if (this.#isClosed) for (const remove of removals) remove(false);
      else this.#removals.unshift(...removals);
      const error = syncError(cause as Error);
      for (const { segment } of covered) {
        segment.failedSyncs++;
        this.#unsure.add(segment);
      }
      for (const segment of this.#unsure) segment.isUnsure = true;
      const isNews = covered.some(({ segment }) => !segment.isDropped);
      if (isNews) this.#onFailure(error);
      for (const receipt of receipts) {
        // A closed log's file may have gone before it was synced.
        if (this.#isClosed) receipt.keep();
        else receipt.fail(error, null);
      }
    }
    this.#running = null;
    if (!this.#isWanted || this.#isClosed) return;
    if (this.#receipts.length > 0 && puts > 0) this.#gather(puts, this.#clock.now() - beganMs);
    else this.#request();
  }
}

/**
 * Where this fails the system may have dropped what a killed process has left, too: nothing of an inherited segment
 * counts as synced any more.
 */
async function syncFile(segment: Segment, isInherited: boolean): Promise<void> {
  try {
    await segment.file!.sync();
  } catch (error) {
    if (isInherited) segment.syncedSize = 0;
    throw error;
  }
}

function syncError(cause: Error): KestrelError {
  return new KestrelError("disk", `sync failed: ${cause.message}`, { cause });
}

function makeRoomIfBusy(segment: Segment): void {
  if (segment.isClosed || segment.isDropped || segment.isUnsure || segment.isCramped) return;
  const size = segment.size - segment.syncedSize;
  if (size < busySyncSizeMin || size > busySyncSizeMax) return;
  if (segment.staleEnd - segment.size < size) segment.makeRoom(syncsAhead * size);
}
