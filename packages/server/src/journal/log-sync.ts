/**
 * fdatasync of one log, in the background: one at a time, and everything written while it runs shares the next
 * one (group commit). Nobody else ever waits for it. A sync that failed is never repeated as if nothing had
 * happened: the system may have dropped the bytes, so the log is told and starts anew.
 */
import { KestrelError } from "../errors.ts";
import type { Receipt } from "./receipt.ts";
import type { Segment } from "./segment.ts";

export class LogSync {
  readonly #onFailure: (error: KestrelError) => void;
  /** Segments with bytes that no sync has covered. */
  #dirty: Set<Segment> = new Set();
  #syncFolder: (() => Promise<void>) | null = null;
  #receipts: Receipt[] = [];
  #running: Promise<void> | null = null;
  #isWanted = false;

  constructor(onFailure: (error: KestrelError) => void) {
    this.#onFailure = onFailure;
  }

  /** The segment has new bytes. */
  written(segment: Segment): void {
    this.#dirty.add(segment);
  }

  /** The segment's file is new: it survives a power loss once `syncFolder` has run. */
  created(segment: Segment, syncFolder: () => Promise<void>): void {
    this.#dirty.add(segment);
    this.#syncFolder = syncFolder;
  }

  /** The segment is gone: nothing to sync. */
  forget(segment: Segment): void {
    this.#dirty.delete(segment);
  }

  /** Syncs what has been written so far; `receipt` is settled when that is done. */
  request(receipt: Receipt | null): void {
    if (receipt !== null) this.#receipts.push(receipt);
    if (this.#running !== null) this.#isWanted = true;
    else if (this.#dirty.size > 0 || this.#receipts.length > 0) this.#running = this.#run();
  }

  /** Waits until nothing is unsynced or a sync has failed. */
  async settle(): Promise<void> {
    this.request(null);
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    const covered = [...this.#dirty].map((segment) => ({ segment, size: segment.size }));
    const receipts = this.#receipts;
    const syncFolder = this.#syncFolder;
    this.#syncFolder = null;
    this.#dirty = new Set();
    this.#receipts = [];
    this.#isWanted = false;
    try {
      await Promise.all(covered.map(({ segment }) => segment.file!.sync()));
      if (syncFolder !== null) await syncFolder();
      for (const { segment, size } of covered) segment.syncedSize = size;
      for (const receipt of receipts) receipt.keep();
    } catch (cause) {
      this.#syncFolder ??= syncFolder;
      const error = new KestrelError("disk", `sync failed: ${(cause as Error).message}`, { cause });
      const isNews = covered.some(({ segment }) => !segment.isDropped);
      if (isNews) this.#onFailure(error);
      for (const receipt of receipts) receipt.fail(error, false);
    }
    this.#running = null;
    if (this.#isWanted || this.#receipts.length > 0) this.request(null);
  }
}
