/**
 * All queues of one node, and what one may do with them by name: put into a queue, its fanouts or an alias's
 * destinations, flush, delete, let expire. Every change goes through here; nothing in it waits for the disk but start
 * and stop.
 */
import type { Clock } from "../clock.ts";
import type { Disk } from "../disk.ts";
import { MemoryBudget } from "../journal/chunk-cache.ts";
import type { ItemView } from "../journal/item-view.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Turn } from "../journal/turn.ts";
import type { Logger } from "../logging.ts";
import { QueueRules } from "../settings/queue-rules.ts";
import type { Alias } from "./alias.ts";
import { AliasTable } from "./alias-table.ts";
import type { PutRefusal } from "./capacity.ts";
import { LargeItemGate } from "./large-item-gate.ts";
import type { Queue } from "./queue.ts";
import { QueueFamilies } from "./queue-families.ts";
import { QueueRegister } from "./queue-register.ts";
import { queueStats } from "./queue-stats.ts";
import { QueueSweeper } from "./queue-sweeper.ts";
import { SpoolFolder } from "./spool-folder.ts";

const mebibyte = 1024 * 1024;
const memoryBytesMaxDefault: number = 1024 * mebibyte;
const sweepPeriodMsDefault = 1000;

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
  readonly #budget: MemoryBudget;
  readonly #families: QueueFamilies;
  readonly #register: QueueRegister;
  readonly #aliases: AliasTable = new AliasTable();
  readonly #sweeper: QueueSweeper;
  /** Open, until whoever sends the items closes it: what is handed out counts here no more. */
  readonly largeItemGate: LargeItemGate = new LargeItemGate();
  /** Since the start. */
  readonly counters: { totalItems: number; creates: number; deletes: number; expires: number } = {
    totalItems: 0,
    creates: 0,
    deletes: 0,
    expires: 0,
  };

  /** The id of the item that was put last; 0 when it has none or, by an alias, several. */
  lastPutId = 0;

  private constructor(options: QueueCollectionOptions, budget: MemoryBudget, families: QueueFamilies) {
    this.#options = options;
    this.#budget = budget;
    this.#families = families;
    const { clock, logger } = options;
    const { counters, largeItemGate: gate } = this;
    const expireTo = (target: string, item: ItemView): Receipt | null => this.#expireTo(target, item);
    this.#register = new QueueRegister({ families, clock, logger, expireTo, gate, counters });
    this.#sweeper = new QueueSweeper(clock, budget, {
      all: () => this.all(),
      expireQueue: (queue) => this.#expireQueue(queue),
      tidy: () => {
        families.tidy();
        this.#register.retryDeferred();
      },
    });
  }

  /**
   * Takes the spool folder and recovers the queues in it. Throws SpoolLockedError, the system's error when
   * something in the folder cannot be read, or KestrelError `disk` when a configured fanout cannot be created.
   */
  static async start(options: QueueCollectionOptions): Promise<QueueCollection> {
    const { spoolPath, disk, clock, turn, logger, rules = new QueueRules() } = options;
    const { memoryBytesMax = memoryBytesMaxDefault, sweepPeriodMs = sweepPeriodMsDefault } = options;
    const budget = new MemoryBudget(memoryBytesMax);
    const spool = spoolPath === null ? null : await SpoolFolder.take(spoolPath, disk, logger);
    const families = new QueueFamilies({ disk, clock, turn, logger }, rules, budget, spool);
    const collection = new QueueCollection(options, budget, families);
    try {
      await collection.#register.recover();
      const queues = collection.#register.length;
      if (queues > 0) logger.info({ queues, items: collection.items }, "recovered");
      collection.#obtainConfigured();
    } catch (error) {
      families.abandon();
      throw error;
    }
    collection.#sweeper.start(sweepPeriodMs);
    return collection;
  }

  /** Aliases, and the fanouts that the settings name: they are there from the start, and so miss nothing. */
  #obtainConfigured(): void {
    const { rules } = this;
    const now = this.#options.clock.now();
    const added = this.#aliases.apply(rules.aliasNames, (name) => rules.findDestinations(name)!, now);
    for (const name of added) {
      const hidden = this.#register.find(name);
      if (hidden === undefined) continue;
      this.#options.logger.warn(
        { queue: name, items: hidden.length },
        "an alias hides the queue of its name",
      );
      hidden.dismissWaiters();
    }
    for (const name of rules.fanoutNames) this.ensure(name);
  }

  /**
   * New rules for queues and aliases hold from now on; `keepJournal` only for queues that come to be later. Throws
   * KestrelError `disk` when a configured fanout cannot be created: then all else holds.
   */
  applyRules(rules: QueueRules): void {
    this.#families.applyRules(rules);
    for (const queue of this.#register.all()) queue.settings = rules.settingsFor(queue.name);
    this.#obtainConfigured();
  }

  get rules(): QueueRules {
    return this.#families.rules;
  }

  /** Queues, with their fanouts, whose `keepJournal` has changed: it holds after a restart. */
  queuesToRestart(): string[] {
    return this.#families.namesToRestart();
  }

  // Queues

  /** The queue of this name, also one that an alias hides: what was opened there can still be closed. */
  find(name: string): Queue | undefined {
    return this.#register.find(name);
  }

  /**
   * The queue that one reads under this name, created if it is not there; one that stays empty for an alias, and
   * while the disk has no room for the queue's journal. Throws KestrelError `bad-name`.
   */
  obtain(name: string): Queue {
    const alias = this.#aliases.find(name);
    if (alias !== undefined) return (alias.queue ??= this.#register.createHidden(name));
    return this.#register.obtain(name);
  }

  /** As `obtain`, for whoever needs it to last. Throws KestrelError `disk`, too. */
  ensure(name: string): Queue {
    return this.#register.ensure(name);
  }

  /** In the order of their creation. */
  names(): string[] {
    return [...this.#register.names()];
  }

  /** All queues, in that order. */
  all(): IterableIterator<Queue> {
    return this.#register.all();
  }

  /** In the order of the settings, also those that hide a queue of their name. */
  aliases(): IterableIterator<Alias> {
    return this.#aliases.all();
  }

  /** Names of the fanouts of this queue. */
  childrenOf(name: string): string[] {
    return this.#families.find(name)?.fanouts.map((fanout) => fanout.name) ?? [];
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
    const alias = this.#aliases.find(name);
    if (alias !== undefined) return this.#putByAlias(alias, source, start, end, flags, expiryMs);
    const queue = this.#register.ensure(name);
    const { family } = queue;
    const put = family.put(queue, source, start, end, flags, this.#options.clock.now(), expiryMs);
    if (typeof put === "object") {
      this.counters.totalItems += family.lastPutLength;
      this.lastPutId = family.lastPutId;
    }
    return put;
  }

  #putByAlias(
    alias: Alias,
    source: Buffer,
    start: number,
    end: number,
    flags: number,
    expiryMs: number,
  ): Receipt | PutRefusal {
    const put = alias.put(end - start, (name) => this.put(name, source, start, end, flags, expiryMs));
    this.lastPutId = 0;
    return put;
  }

  /** An expired item comes as if just put, without an expiry. */
  #expireTo(target: string, item: ItemView): Receipt | null {
    const put = this.put(target, item.buffer, item.start, item.end, item.flags, 0);
    return typeof put === "string" ? null : put;
  }

  // Flush, delete, expiry: none of them creates a queue, and an alias is none

  /** Throws KestrelError `bad-name`. */
  flush(name: string): void {
    if (this.#aliases.find(name) === undefined) this.#register.findNamed(name)?.flush();
  }

  flushAll(): void {
    for (const queue of this.#register.all()) queue.flush();
  }

  /** Removes the queue and, when nobody else reads it, its journal. Throws KestrelError `bad-name` or `disk`. */
  delete(name: string): void {
    this.#register.removeStandIn(name);
    if (this.#aliases.find(name) === undefined) this.#register.remove(name);
  }

  /** Returns how many expired items were dropped or moved. Throws KestrelError `bad-name`. */
  flushExpired(name: string): number {
    if (this.#aliases.find(name) !== undefined) return 0;
    return this.#register.findNamed(name)?.flushExpired(Number.POSITIVE_INFINITY) ?? 0;
  }

  flushAllExpired(): number {
    let count = 0;
    for (const queue of [...this.#register.all()]) count += queue.flushExpired(Number.POSITIVE_INFINITY);
    return count;
  }

  // The regular look

  /** Does now what is otherwise done from time to time. */
  sweep(): void {
    this.#sweeper.sweepNow();
  }

  #expireQueue({ name }: Queue): void {
    try {
      this.delete(name);
      this.counters.expires++;
    } catch (error) {
      this.#options.logger.warn({ err: error, queue: name }, "cannot delete an old empty queue");
    }
  }

  // Numbers

  get items(): number {
    let sum = 0;
    for (const queue of this.#register.all()) sum += queue.length;
    return sum;
  }

  get bytes(): number {
    let sum = 0;
    for (const queue of this.#register.all()) sum += queue.bytes;
    return sum;
  }

  /** Share of the bound on journal bytes in memory that is in use. */
  get memoryRatio(): number {
    return this.#budget.bytes / this.#budget.bytesMax;
  }

  /** Kestrel's statistics of one queue or, where there is none of that name, one alias. */
  stats(name: string): [name: string, value: string | number][] | undefined {
    const queue = this.#register.find(name);
    return queue === undefined ? this.#aliases.find(name)?.stats() : queueStats(queue, this.childrenOf(name));
  }

  /** Ends all waiting for items that nobody has put yet. */
  dismissWaiters(): void {
    this.#register.dismissWaiters();
    this.#aliases.dismissWaiters();
  }

  /**
   * Ends all waiting, writes what is left, and lets go of the spool folder. Whoever asks for a queue from now on gets
   * KestrelError `unavailable`.
   */
  async stop(): Promise<void> {
    this.#sweeper.stop();
    this.#register.end();
    this.#aliases.end();
    this.#options.turn.endNow();
    await this.#families.close();
  }
}
