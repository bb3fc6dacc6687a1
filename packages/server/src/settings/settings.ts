/**
 * What can be set, with Kestrel's names and defaults (sizes in bytes, durations in milliseconds, `null` for
 * none). A file is read into these by `load-settings.ts`; flags and the library's options come on top.
 */

/** Rules of one queue. Queues inherit from `default`, fanouts from their parent. */
export interface QueueSettings {
  /** Full at this many items; null: no limit. */
  maxItems: number | null;
  /** Full at this many bytes of item data; null: no limit. */
  maxSizeBytes: number | null;
  /** Larger items are refused. */
  maxItemSizeBytes: number | null;
  /** No item lives longer than this, whatever its own expiry says. */
  maxAgeMs: number | null;
  /** At most this much of the queue's log is kept in memory; the rest is read back as the queue drains. */
  maxMemorySizeBytes: number;
  /** Size of one segment of the log. */
  defaultJournalSizeBytes: number;
  /** Bound on journal bytes that hold no live item. */
  maxJournalSizeBytes: number;
  minJournalCompactDelayMs: number;
  /** False: memory only, nothing survives a restart. */
  keepJournal: boolean;
  /** fdatasync: "never", or its period in ms; 0: before each answer. */
  syncJournal: "never" | number;
  /** A full queue drops its oldest item instead of refusing the new one. */
  discardOldWhenFull: boolean;
  /** Expired items go to this queue, as if just put and without expiry. */
  expireToQueue: string | null;
  /** How many expired items one sweep may move. */
  maxExpireSweep: number | null;
  /** The parent keeps nothing; only its fanouts do. */
  fanoutOnly: boolean;
  /** An empty queue older than this is deleted. */
  maxQueueAgeMs: number | null;
  /** An open read older than this goes back to the head. */
  openTransactionTimeoutMs: number | null;
  /** Log each open, confirm and abort. */
  enableTrace: boolean;
  /** Only this authenticated client may put, or get. */
  clientIdForEnqueue: string | null;
  clientIdForDequeue: string | null;
}

/** How a journal is kept. Fanouts are kept in their parent's, so these are always the parent's. */
export const journalFields: readonly (keyof QueueSettings)[] = [
  "maxMemorySizeBytes",
  "defaultJournalSizeBytes",
  "maxJournalSizeBytes",
  "minJournalCompactDelayMs",
  "keepJournal",
  "syncJournal",
];

export const defaultQueueSettings: QueueSettings = {
  maxItems: null,
  maxSizeBytes: null,
  maxItemSizeBytes: null,
  maxAgeMs: null,
  maxMemorySizeBytes: 128 * 1024 * 1024,
  defaultJournalSizeBytes: 16 * 1024 * 1024,
  maxJournalSizeBytes: 1024 * 1024 * 1024,
  minJournalCompactDelayMs: 60_000,
  keepJournal: true,
  syncJournal: "never",
  discardOldWhenFull: false,
  expireToQueue: null,
  maxExpireSweep: null,
  fanoutOnly: false,
  maxQueueAgeMs: null,
  openTransactionTimeoutMs: null,
  enableTrace: false,
  clientIdForEnqueue: null,
  clientIdForDequeue: null,
};
