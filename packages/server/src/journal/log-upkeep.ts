/**
 * What a log's files need beside the turns: the next segment when one is full, new files for those that somebody has
 * removed, disk space given back by a log that holds nothing. It writes no items.
 */
import type { Disk } from "../disk.ts";
import type { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import type { QueueSettings } from "../settings/settings.ts";
import type { Compaction } from "./compaction.ts";
import type { LogReader } from "./log-reader.ts";
import type { SegmentChain } from "./segment-chain.ts";

/** Segments of a log that lives in memory only: how finely memory is given back. */
const memorySegmentSize = 1024 * 1024;
/** Whatever the settings say: a segment is read whole at times, and must fit into memory. */
const segmentSizeMax = 1024 * 1024 * 1024;
/** After a failed roll the next try comes when the segment has grown by this. */
const rollRetryBytes = 1024 * 1024;

export interface UpkeepOptions {
  /** Null: memory only. */
  readonly folder: string | null;
  readonly queueName: string;
  readonly disk: Disk;
  readonly logger: Logger;
}

/** What the upkeep needs of its log. */
export interface UpkeepOwner {
  readonly readers: readonly LogReader[];
  readonly nextId: number;
  readonly isDurable: boolean;
  readonly settings: QueueSettings;
  readonly isTurnOpen: boolean;
  readonly refusal: KestrelError | null;
}

export class LogUpkeep {
  readonly #options: UpkeepOptions;
  readonly #log: UpkeepOwner;
  readonly #chain: SegmentChain;
  readonly #compaction: Compaction;
  /** No roll before the tail ends here. */
  #rollAtBytes = 0;
  /** The tail's end at the last sweep. */
  #sweptEnd = -1;

  constructor(options: UpkeepOptions, log: UpkeepOwner, chain: SegmentChain, compaction: Compaction) {
    this.#options = options;
    this.#log = log;
    this.#chain = chain;
    this.#compaction = compaction;
  }

  /** Between two turns: begins the next segment if this one is full, and lets go of those that are done with. */
  tidyAfterTurn(): void {
    const { isDurable, settings, readers } = this.#log;
    const segmentSize = isDurable
      ? Math.min(settings.defaultJournalSizeBytes, segmentSizeMax)
      : memorySegmentSize;
    if (this.#chain.tail.end >= Math.max(segmentSize, this.#rollAtBytes)) this.#roll();
    this.#chain.dropDead(readers);
  }

  /** Closes the tail segment and begins the next. */
  #roll(): void {
    const { nextId, readers, isDurable } = this.#log;
    if (this.#chain.roll(nextId, readers)) {
      this.#rollAtBytes = 0;
      if (isDurable) this.#compaction.consider();
      // The states in the new segment hold whatever was still owed.
      for (const reader of readers) reader.turnWritten();
    } else {
      this.#rollAtBytes = this.#chain.tail.end + rollRetryBytes;
    }
  }

  /** The regular look. True: it has shrunk. Throws the system's error when files are gone and cannot be put back. */
  sweep(mayShrink: boolean): boolean {
    const { isDurable, isTurnOpen, refusal } = this.#log;
    this.#chain.files.trimSpares();
    const { end } = this.#chain.tail;
    const isIdle = this.#sweptEnd === end;
    this.#sweptEnd = end;
    if (refusal !== null) return false;
    if (isIdle) return mayShrink && (this.#chain.cutStale() || this.shrink());
    if (isDurable && !isTurnOpen) {
      this.#compaction.consider();
      this.restoreFiles();
    }
    return false;
  }

  /** A log that holds nothing any more gives its disk space and memory back. False: there is nothing to give. */
  shrink(): boolean {
    const { tail } = this.#chain;
    const { isTurnOpen, readers } = this.#log;
    if (isTurnOpen || (tail === tail.segment.firstChunk && tail.size === 0)) return false;
    if (readers.some((reader) => reader.items > 0 || reader.openLength > 0)) return false;
    this.#roll();
    this.#chain.dropDead(readers);
    return true;
  }

  /**
   * Writes the files anew that somebody has removed behind our back. Throws the system's error, also when a file's
   * bytes cannot be had any more.
   */
  restoreFiles(): void {
    if (this.#chain.tail.segment.file!.isThere()) return;
    const { disk, logger, folder, queueName } = this.#options;
    logger.error({ queue: queueName, folder }, "the journal has vanished; writing it again");
    disk.makeFolder(folder!);
    this.#chain.restoreFiles();
  }
}
