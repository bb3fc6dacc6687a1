/**
 * All queues of one node by name: creation at first reference, fanouts, aliases, the spool folder, and the
 * regular sweep. Every change goes through here; nothing in it waits for the disk but start and stop.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Disk } from "../disk.ts";
import { KestrelError } from "../errors.ts";
import { MemoryBudget } from "../journal/chunk-cache.ts";
import type { ItemView } from "../journal/item-view.ts";
import { Log, type LogOptions } from "../journal/log.ts";
import { Receipt } from "../journal/receipt.ts";
import type { Turn } from "../journal/turn.ts";
import type { Logger } from "../logging.ts";
import { queueNameProblem } from "../settings/queue-name.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import { Alias } from "./alias.ts";
import { type PutRefusal, Queue } from "./queue.ts";
import { QueueFamily } from "./queue-family.ts";
import { queueStats } from "./queue-stats.ts";
import { SpoolFolder } from "./spool-folder.ts";

const mebibyte = 1024 * 1024;
const memoryBytesMaxDefault: number = 1024 * mebibyte;
const sweepPeriodMsDefault = 1000;
/** How often journals and the spool folder's lock are looked after. */
const tidyPeriodMs = 1000;
/** Files that one sweep reads at the most. */
const sweepReadsMax = 100;
/** Logs recovered between two looks at the event loop, and between two lines about the progress. */
const recoverBatchLength = 64;
const recoverReportLength = 2000;

export interface QueueCollectionOptions {
  /** Null: memory only. */
  readonly spoolPath: string | null;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly turn: Turn;
  readonly logger: Logger;
  readonly rules?: QueueRules;
  /** Bound on journal bytes in memory over all queues; 1 GiB unless set. */
  readonly memoryBytesMax?: number;
  /** How often expired items, late open reads and old empty queues are looked for; 1 s unless set, null: never. */
  readonly sweepPeriodMs?: number | null;
}

export class QueueCollection {
  readonly #options: QueueCollectionOptions;
  #rules: QueueRules;
  readonly #budget: MemoryBudget;
  readonly #families: Map<string, QueueFamily> = new Map();
  readonly #queues: Map<string, Queue> = new Map();
  readonly #aliases: Map<string, Alias> = new Map();
  /** Null: memory only. */
  #spool: SpoolFolder | null = null;
  #sweepTimer: Timer | null = null;
  #tidyTimer: Timer | null = null;
  /** Since the start. */
  readonly counters: { totalItems: number; creates: number; deletes: number; expires: number } = {
    totalItems: 0,
    creates: 0,
    deletes: 0,
    expires: 0,
  };

  private constructor(options: QueueCollectionOptions) {
    this.#options = options;
    this.#rules = options.rules ?? new QueueRules();
    this.#budget = new MemoryBudget(options.memoryBytesMax ?? memoryBytesMaxDefault);
  }

  /**
   * Takes the spool folder and recovers the queues in it. Throws SpoolLockedError, the system's error when
   * something in the folder cannot be read, or KestrelError `disk` when a configured fanout cannot be created.
   */
  static async start(options: QueueCollectionOptions): Promise<QueueCollection> {
    const collection = new QueueCollection(options);
    const { spoolPath, disk, logger } = options;
    if (spoolPath !== null) collection.#spool = SpoolFolder.take(spoolPath, disk, logger);
    try {
      if (collection.#spool !== null) await collection.#recover(collection.#spool);
      collection.#obtainConfigured();
    } catch (error) {
      for (const family of collection.#families.values()) family.log.abandon();
      collection.#spool?.release();
      throw error;
    }
    collection.#sweepLater();
    collection.#tidyLater();
    return collection;
  }

  async #recover(spool: SpoolFolder): Promise<void> {
    const { logger } = this.#options;
    const names = await spool.queueNames();
    for (const [count, name] of names.entries()) {
      if (this.#rules.settingsFor(name).keepJournal) this.#recoverFamily(name, spool.folderOf(name));
      else await spool.forget(name);
      if (count % recoverBatchLength === 0) await new Promise((resolve) => setImmediate(resolve));
      if (count > 0 && count % recoverReportLength === 0) {
        logger.info({ queues: count, of: names.length }, "recovering");
      }
    }
    if (names.length > 0) logger.info({ queues: this.#queues.size, items: this.items }, "recovered");
  }

  #recoverFamily(name: string, folder: string): void {
    const log = Log.recover({ ...this.#logOptions(name), folder });
    const family = new QueueFamily(name, log);
    this.#families.set(name, family);
    for (const reader of [...log.readers]) {
      this.#addQueue(family, reader.name === "" ? name : `${name}+${reader.name}`, reader);
    }
    if (family.isEmpty) this.#removeFamily(family);
  }

  #logOptions(name: string): LogOptions {
    const { disk, clock, turn, logger } = this.#options;
    const settings = this.#rules.settingsFor(name);
    return {
      folder: this.#spool !== null && settings.keepJournal ? this.#spool.folderOf(name) : null,
      queueName: name,
      disk,
      clock,
      turn,
      logger,
      budget: this.#budget,
      reserve: this.#spool?.reserve ?? null,
      settings,
    };
  }

  /** Aliases, and the fanouts that the settings name: they are there from the start, and so miss nothing. */
  #obtainConfigured(): void {
    const { aliasNames, fanoutNames } = this.#rules;
    for (const alias of [...this.#aliases.values()]) {
      if (aliasNames.includes(alias.name)) continue;
      this.#aliases.delete(alias.name);
      alias.end();
    }
    for (const name of aliasNames) this.#setAlias(name, this.#rules.findDestinations(name)!);
    for (const name of fanoutNames) this.obtain(name);
  }

  #setAlias(name: string, destinations: readonly string[]): void {
    const alias = this.#aliases.get(name);
    if (alias !== undefined) {
      alias.destinations = destinations;
      return;
    }
    this.#aliases.set(name, new Alias(name, destinations));
    const hidden = this.#queues.get(name);
    if (hidden === undefined) return;
    this.#options.logger.warn({ queue: name, items: hidden.length }, "an alias hides the queue of its name");
    hidden.dismissWaiters();
  }

  /**
   * New rules for queues and aliases hold from now on; `keepJournal` only for queues that come to be later. Throws
   * KestrelError `disk` when a configured fanout cannot be created: then all else holds.
   */
  applyRules(rules: QueueRules): void {
    this.#rules = rules;
    for (const family of this.#families.values()) family.log.settings = rules.settingsFor(family.name);
    for (const queue of this.#queues.values()) queue.settings = rules.settingsFor(queue.name);
    this.#obtainConfigured();
  }

  get rules(): QueueRules {
    return this.#rules;
  }

  /** Queues, with their fanouts, whose `keepJournal` has changed: it holds after a restart. */
  queuesToRestart(): string[] {
    if (this.#spool === null) return [];
    return [...this.#families.values()]
      .filter(({ name, log }) => log.isDurable !== this.#rules.settingsFor(name).keepJournal)
      .map(({ name }) => name);
  }

  // Queues

  /** The queue of this name, also one that an alias hides: what was opened there can still be closed. */
  find(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  /**
   * The queue that one reads under this name, created if it is not there; for an alias one that stays empty.
   * Throws KestrelError `bad-name` or `disk`.
   */
  obtain(name: string): Queue {
    const alias = this.#findAlias(name);
    if (alias !== undefined) return (alias.queue ??= this.#makeEmptyQueue(name));
    return this.#queues.get(name) ?? this.#create(name);
  }

  /** An alias stands before a queue of the same name. */
  #findAlias(name: string): Alias | undefined {
    return this.#aliases.size === 0 ? undefined : this.#aliases.get(name);
  }

  #create(name: string): Queue {
    const problem = queueNameProblem(name);
    if (problem !== undefined) throw new KestrelError("bad-name", `a queue's name ${problem}`);
    const { parent, child } = splitName(name);
    let family = this.#families.get(parent);
    let reader = family?.log.readers.find((known) => known.name === child);
    if (family === undefined) {
      family = new QueueFamily(parent, Log.create(this.#logOptions(parent), child));
      reader = family.log.readers[0]!;
      this.#families.set(parent, family);
    }
    this.counters.creates++;
    return this.#addQueue(family, name, reader ?? family.log.addReader(child));
  }

  #addQueue(family: QueueFamily, name: string, reader: Queue["reader"]): Queue {
    const queue = this.#makeQueue(family, name, reader);
    family.add(queue);
    this.#queues.set(name, queue);
    return queue;
  }

  #makeQueue(family: QueueFamily, name: string, reader: Queue["reader"]): Queue {
    const { clock, logger } = this.#options;
    const settings = this.#rules.settingsFor(name);
    const expireTo = (target: string, item: ItemView): Receipt | null => this.#expireTo(target, item);
    return new Queue({ name, family, reader, settings, clock, logger, expireTo });
  }

  /** Nobody but its readers knows of it. */
  #makeEmptyQueue(name: string): Queue {
    const log = Log.create({ ...this.#logOptions(name), folder: null }, "");
    return this.#makeQueue(new QueueFamily(name, log), name, log.readers[0]!);
  }

  /** In the order of their creation. */
  names(): string[] {
    return [...this.#queues.keys()];
  }

  /** All queues, in that order. */
  all(): IterableIterator<Queue> {
    return this.#queues.values();
  }

  /** Names of the fanouts of this queue. */
  childrenOf(name: string): string[] {
    return this.#families.get(name)?.fanouts.map((fanout) => fanout.name) ?? [];
  }

  // Puts

  /**
   * Puts `source[start, end)` under a name: into the queue and its fanouts, one fanout, or an alias's
   * destinations. `expiryMs` is absolute, 0: never. Creates what does not exist. Throws KestrelError `bad-name`
   * or `disk`.
   */
  put(
    name: string,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    expiryMs: number,
  ): Receipt | PutRefusal {
    const alias = this.#findAlias(name);
    if (alias !== undefined) return this.#putAll(alias, source, start, end, flags, expiryMs);
    const queue = this.#queues.get(name) ?? this.#create(name);
    return this.#putOne(queue, source, start, end, flags, this.#options.clock.now(), expiryMs);
  }

  #putOne(
    queue: Queue,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    addTimeMs: number,
    expiryMs: number,
  ): Receipt | PutRefusal {
    const { family } = queue;
    const put =
      queue === family.parent
        ? family.put(queue, source, start, end, flags, addTimeMs, expiryMs)
        : family.putInto(queue, source, start, end, flags, addTimeMs, expiryMs);
    if (typeof put === "object") this.counters.totalItems++;
    return put;
  }

  /** Each destination is tried, whatever became of the others. */
  #putAll(
    alias: Alias,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    expiryMs: number,
  ): Receipt | PutRefusal {
    alias.putItems++;
    alias.putBytes += end - start;
    const receipts: Receipt[] = [];
    let refusal: PutRefusal | null = null;
    let failure: unknown = null;
    for (const destination of alias.destinations) {
      try {
        const put = this.put(destination, source, start, end, flags, expiryMs);
        if (typeof put === "string") refusal ??= put;
        else receipts.push(put);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
    return refusal ?? Receipt.all(receipts);
  }

  /** An expired item comes as if just put, without an expiry. */
  #expireTo(target: string, item: ItemView): Receipt | null {
    const put = this.put(target, item.buffer, item.start, item.end, item.flags, 0);
    return typeof put === "string" ? null : put;
  }

  // Flush, delete, expiry: none of them creates a queue, and an alias is none

  flush(name: string): void {
    if (this.#findAlias(name) === undefined) this.#queues.get(name)?.flush();
  }

  flushAll(): void {
    for (const queue of this.#queues.values()) queue.flush();
  }

  /** Removes the queue and, when nobody else reads it, its journal. Throws KestrelError `disk`. */
  delete(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined || this.#findAlias(name) !== undefined) return;
    const { family } = queue;
    if (family.log.readers.length === 1) this.#removeFamily(family);
    family.remove(queue);
    this.#queues.delete(name);
    this.counters.deletes++;
    queue.end();
  }

  #removeFamily({ name, log }: QueueFamily): void {
    if (log.isDurable) this.#spool!.remove(name, log.size);
    this.#families.delete(name);
    log.abandon();
  }

  /** Returns how many expired items were dropped or moved. */
  flushExpired(name: string): number {
    if (this.#findAlias(name) !== undefined) return 0;
    return this.#queues.get(name)?.flushExpired(Number.POSITIVE_INFINITY) ?? 0;
  }

  flushAllExpired(): number {
    let count = 0;
    for (const queue of [...this.#queues.values()]) count += queue.flushExpired(Number.POSITIVE_INFINITY);
    return count;
  }

  // The regular look

  #sweepLater(): void {
    const { clock, sweepPeriodMs = sweepPeriodMsDefault } = this.#options;
    if (sweepPeriodMs === null) return;
    this.#sweepTimer = clock.after(sweepPeriodMs, () => {
      this.#sweepQueues();
      this.#sweepLater();
    });
  }

  #tidyLater(): void {
    this.#tidyTimer = this.#options.clock.after(tidyPeriodMs, () => {
      this.#tidy();
      this.#tidyLater();
    });
  }

  /** Does now what is otherwise done from time to time. */
  sweep(): void {
    this.#sweepQueues();
    this.#tidy();
  }

  /** Looks after expired items, late open reads, and empty queues that have lived for too long. */
  #sweepQueues(): void {
    const now = this.#options.clock.now();
    // After a start the heads are in the files only. They are looked at all the same, so that delayed items move
    // on, but a few at a time, and only into memory that nobody else needs.
    let reads = 0;
    for (const queue of [...this.#queues.values()]) {
      if (queue.isHeadInFile) reads++;
      queue.sweep(!queue.isHeadInFile || (reads <= sweepReadsMax && this.#budget.isRoomy));
      const { maxQueueAgeMs } = queue.settings;
      const isOld = maxQueueAgeMs !== null && now - queue.createdMs >= maxQueueAgeMs;
      if (isOld && queue.length === 0 && queue.openLength === 0 && queue.waiterLength === 0) {
        this.#expireQueue(queue.name);
      }
    }
  }

  #expireQueue(name: string): void {
    try {
      this.delete(name);
      this.counters.expires++;
    } catch (error) {
      this.#options.logger.warn({ err: error, queue: name }, "cannot delete an old empty queue");
    }
  }

  /** Looks after the journals, those of empty queues above all, and the lock of the spool folder. */
  #tidy(): void {
    for (const family of this.#families.values()) family.log.sweep();
    this.#spool?.tidy();
  }

  // Numbers

  get items(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.length;
    return sum;
  }

  get bytes(): number {
    let sum = 0;
    for (const queue of this.#queues.values()) sum += queue.bytes;
    return sum;
  }

  /** Share of the bound on journal bytes in memory that is in use. */
  get memoryRatio(): number {
    return this.#budget.bytes / this.#budget.bytesMax;
  }

  /** Kestrel's statistics of one queue or, where there is none of that name, one alias. */
  stats(name: string): [name: string, value: string | number][] | undefined {
    const queue = this.#queues.get(name);
    return queue === undefined ? this.#aliases.get(name)?.stats() : queueStats(queue, this.childrenOf(name));
  }

  /** Ends all waiting for items that nobody has put yet. */
  dismissWaiters(): void {
    for (const queue of this.#queues.values()) queue.dismissWaiters();
    for (const { queue } of this.#aliases.values()) queue?.dismissWaiters();
  }

  /** Ends all waiting, writes what is left, and lets go of the spool folder. */
  async stop(): Promise<void> {
    this.#sweepTimer?.cancel();
    this.#tidyTimer?.cancel();
    for (const queue of this.#queues.values()) queue.end();
    for (const alias of this.#aliases.values()) alias.end();
    this.#options.turn.endNow();
    for (const family of this.#families.values()) await family.log.close();
    this.#queues.clear();
    this.#aliases.clear();
    this.#families.clear();
    this.#spool?.release();
  }
}

/** A name with a `+` inside is a fanout's. */
function splitName(name: string): { parent: string; child: string } {
  const plus = name.indexOf("+");
  if (plus <= 0 || plus === name.length - 1) return { parent: name, child: "" };
  return { parent: name.slice(0, plus), child: name.slice(plus + 1) };
}
