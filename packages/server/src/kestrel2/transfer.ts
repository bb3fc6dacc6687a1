/** What import and export have in common: a spool folder of ours that no server is using, as queues. */

import { type Clock, systemClock } from "../clock.ts";
import { type Disk, NodeDisk } from "../disk.ts";
import { Turn } from "../journal/turn.ts";
import type { Logger } from "../logging.ts";
import { QueueCollection } from "../queue/queue-collection.ts";
import { QueueRules } from "../settings/queue-rules.ts";

export interface TransferOptions {
  /** Folder that is read. */
  readonly from: string;
  /** Folder that is written; made when it isn't there. */
  readonly to: string;
  /** Only these queues; every one without it. */
  readonly queueNames?: readonly string[];
  readonly logger: Logger;
  /** Called with the items that were done since the last call. */
  readonly onProgress?: (items: number) => void;
  /** Ends it with an AbortError, in good order. */
  readonly signal?: AbortSignal;
  readonly disk?: Disk;
  readonly clock?: Clock;
}

/** What is written is on the disk at the end; no limits; and not much memory. */
const rules = new QueueRules({ default: { syncJournal: 1000, maxMemorySizeBytes: 32 * 1024 * 1024 } });

/** Nothing expires in it, and nothing else happens by itself. The caller stops it. */
export function startSpool(spoolPath: string, options: TransferOptions): Promise<QueueCollection> {
  const { disk = new NodeDisk(), clock = systemClock, logger } = options;
  const sweepPeriodMs = Number.MAX_SAFE_INTEGER;
  return QueueCollection.start({ spoolPath, disk, clock, turn: new Turn(), logger, rules, sweepPeriodMs });
}

/** Throws when a queue that was asked for is not among those that are there. */
export function requireQueues({ queueNames = [], from }: TransferOptions, found: readonly string[]): void {
  const missing = queueNames.filter((name) => !found.includes(name));
  if (missing.length > 0) throw new Error(`${from} has no queue ${missing.join(", ")}`);
}
