/**
 * The families of one node by their queue's name, each with its log: in the spool folder, or in memory where there is
 * none or the queue keeps no journal. It recovers them at the start, creates and removes them, and closes their logs;
 * which queues read them is the register's business.
 */
import type { Clock } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { MemoryBudget } from "../journal/chunk-cache.ts";
import { SpareBudget } from "../journal/finished-files.ts";
import { Log, type LogOptions } from "../journal/log.ts";
import type { LogReader } from "../journal/log-reader.ts";
import type { Turn } from "../journal/turn.ts";
import type { Logger } from "../logging.ts";
import type { QueueRules } from "../settings/queue-rules.ts";
import { QueueFamily } from "./queue-family.ts";
import type { SpoolFolder } from "./spool-folder.ts";

/**
 * Logs recovered between two looks at the event loop, and between two lines about the progress. What the files of one
 * batch need cut off is cut first and synced together then: the file system writes down many cuts as fast as one. A file
 * has a descriptor while it is synced, and a process may have few.
 */
const recoverBatchLength = 50;
const recoverReportLength = 2000;
/**
 * Idle logs that give files and memory back in one look. Each begins a new file, and thousands at once would stop all
 * else for seconds.
 */
const shrinkLengthMax = 100;

export interface QueueFamiliesOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly logger: Logger;
}

export class QueueFamilies {
  rules: QueueRules;
  readonly #options: QueueFamiliesOptions;
  readonly #budget: MemoryBudget;
  readonly #spareBudget: SpareBudget = new SpareBudget();
  /** Null: memory only. */
  readonly #spool: SpoolFolder | null;
  readonly #families: Map<string, QueueFamily> = new Map();
  /** Of new logs. Above those of removed ones: what these still have under way must not meet a file of theirs. */
  #firstSegmentNumber = 1;

  constructor(
    options: QueueFamiliesOptions,
    rules: QueueRules,
    budget: MemoryBudget,
    spool: SpoolFolder | null,
  ) {
    this.#options = options;
    this.rules = rules;
    this.#budget = budget;
    this.#spool = spool;
  }

  /**
   * Recovers the families in the spool folder; `addQueue` is called for each reader of each. Throws the system's error
   * when something in the folder cannot be read.
   */
  async recover(addQueue: (family: QueueFamily, reader: LogReader) => void): Promise<void> {
    const spool = this.#spool;
    if (spool === null) return;
    const names = await spool.queueNames();
    const keptNames = names.filter((name) => this.rules.settingsFor(name).keepJournal);
    for (const name of names) if (!this.rules.settingsFor(name).keepJournal) await spool.forget(name);
    for (let count = 0; count < keptNames.length; count += recoverBatchLength) {
      if (count > 0 && count % recoverReportLength === 0) {
        this.#options.logger.info({ queues: count, of: keptNames.length }, "recovering");
      }
      await this.#recoverBatch(keptNames.slice(count, count + recoverBatchLength), spool, addQueue);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #recoverBatch(
    names: readonly string[],
    spool: SpoolFolder,
    addQueue: (family: QueueFamily, reader: LogReader) => void,
  ): Promise<void> {
    const recoveries = await Promise.allSettled(names.map((name) => this.#recoverLog(name, spool)));
    const families: QueueFamily[] = [];
    for (const [index, recovery] of recoveries.entries()) {
      if (recovery.status === "fulfilled") families.push(new QueueFamily(names[index]!, recovery.value));
    }
    for (const family of families) this.#families.set(family.name, family);
    const failed = recoveries.find((recovery) => recovery.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    for (const family of families) {
      for (const reader of [...family.log.readers]) addQueue(family, reader);
      if (family.isEmpty) this.remove(family);
    }
  }

  async #recoverLog(name: string, spool: SpoolFolder): Promise<Log> {
    const folder = spool.folderOf(name);
    try {
      return await Log.recover({ ...this.#logOptions(name), folder });
    } catch (error) {
      throw recoveryError(name, folder, error as NodeJS.ErrnoException);
    }
  }

  #logOptions(name: string): LogOptions {
    const settings = this.rules.settingsFor(name);
    return {
      ...this.#options,
      folder: this.#spool !== null && settings.keepJournal ? this.#spool.folderOf(name) : null,
      queueName: name,
      firstSegmentNumber: this.#firstSegmentNumber,
      budget: this.#budget,
      spareBudget: this.#spareBudget,
      reserve: this.#spool?.reserve ?? null,
      settings,
    };
  }

  find(name: string): QueueFamily | undefined {
    return this.#families.get(name);
  }

  all(): IterableIterator<QueueFamily> {
    return this.#families.values();
  }

  /** The reader of that name (empty: the queue itself) on a family's log, created with it. Throws KestrelError `disk`. */
  obtainReader(name: string, readerName: string): { family: QueueFamily; reader: LogReader } {
    const known = this.#families.get(name);
    if (known !== undefined) {
      const { roster } = known.log;
      return { family: known, reader: roster.find(readerName) ?? roster.add(readerName) };
    }
    const family = new QueueFamily(name, Log.create(this.#logOptions(name), readerName));
    this.#families.set(name, family);
    return { family, reader: family.log.readers[0]! };
  }

  /** A family in memory that nobody finds here. */
  createHidden(name: string): QueueFamily {
    return new QueueFamily(name, Log.create({ ...this.#logOptions(name), folder: null }, ""));
  }

  /** Removes a family and its journal. Throws KestrelError `disk`; then it is still there. */
  remove({ name, log }: QueueFamily): void {
    if (log.isDurable) {
      this.#spool!.remove(name, log.folderSize, log.settings.syncJournal !== "never");
      this.#firstSegmentNumber = Math.max(this.#firstSegmentNumber, log.nextSegmentNumber);
    }
    this.#families.delete(name);
    log.abandon();
  }

  /** New rules for the logs; whether they keep a journal is settled when they are created. */
  applyRules(rules: QueueRules): void {
    this.rules = rules;
    for (const family of this.#families.values()) family.log.settings = rules.settingsFor(family.name);
  }

  /** Names of those whose `keepJournal` has changed: it holds after a restart. */
  namesToRestart(): string[] {
    if (this.#spool === null) return [];
    return [...this.#families.values()]
      .filter(({ name, log }) => log.isDurable !== this.rules.settingsFor(name).keepJournal)
      .map(({ name }) => name);
  }

  /** The regular look at the journals, those of empty queues above all, and at the spool folder's lock. */
  tidy(): void {
    let shrunk = 0;
    for (const { log } of this.#families.values()) if (log.sweep(shrunk < shrinkLengthMax)) shrunk++;
    this.#spool?.tidy();
  }

  /** Writes what is left, closes the logs, and lets go of the spool folder. */
  async close(): Promise<void> {
    for (const family of this.#families.values()) await family.log.close();
    this.#families.clear();
    await this.#spool?.settle();
    this.#spool?.release();
  }

  /** Lets go of everything as it is: for a start that came to nothing. */
  abandon(): void {
    for (const family of this.#families.values()) family.log.abandon();
    this.#spool?.release();
  }
}

/** The system's errors in words for whoever starts the node; all others as they are. */
function recoveryError(queueName: string, folder: string, cause: NodeJS.ErrnoException): Error {
  const { code, path: file = folder, message } = cause;
  if (code === undefined) return cause;
  const words =
    `cannot recover queue ${queueName}: ${message}, file ${file}. The node has not started, and has removed no item. ` +
    "See to the disk, or to the rights on the file, then start again";
  return Object.assign(new Error(words, { cause }), { code });
}
