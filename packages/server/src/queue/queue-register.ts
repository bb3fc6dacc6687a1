/**
 * Which queues a node has, by name. Each is a reader on its family's log: recovered at the start, or created at the
 * first reference; where the disk has no room for that, reading finds one that stands in. It knows no aliases, and puts
 * nothing.
 */
import type { Clock } from "../clock.ts";
import { KestrelError } from "../errors.ts";
import type { LogReader } from "../journal/log-reader.ts";
import type { Logger } from "../logging.ts";
import { familyNameOf, queueNameProblem } from "../settings/queue-name.ts";
import { DeferredQueues } from "./deferred-queues.ts";
import type { ExpirePut } from "./expiry.ts";
import type { LargeItemGate } from "./large-item-gate.ts";
import { Queue } from "./queue.ts";
import type { QueueFamilies } from "./queue-families.ts";
import type { QueueFamily } from "./queue-family.ts";

export interface QueueRegisterOptions {
  readonly families: QueueFamilies;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the queues' expired items go. */
  readonly expireTo: ExpirePut;
  /** Where queues with a large item at their head may have to wait. */
  readonly gate: LargeItemGate;
  /** Queues created and removed; those that were recovered are not among them. */
  readonly counters: { creates: number; deletes: number };
}

export class QueueRegister {
  readonly #options: QueueRegisterOptions;
  readonly #queues: Map<string, Queue> = new Map();
  readonly #deferred: DeferredQueues;
  #isEnded = false;

  constructor(options: QueueRegisterOptions) {
    this.#options = options;
    const maker = {
      create: (name: string) => this.#create(name),
      createHidden: (name: string) => this.createHidden(name),
    };
    this.#deferred = new DeferredQueues(maker, options.logger);
  }

  /** Finds the queues that the families' journals hold. Throws the system's error when one cannot be read. */
  async recover(): Promise<void> {
    await this.#options.families.recover((family, reader) => this.#add(family, reader));
  }

  get length(): number {
    return this.#queues.size;
  }

  find(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  /** As `find`, for whoever was told this name by a client. Throws KestrelError `bad-name` when no queue can have it. */
  findNamed(name: string): Queue | undefined {
    const queue = this.#queues.get(name);
    if (queue === undefined) requireQueueName(name);
    return queue;
  }

  /** In the order of their creation. */
  names(): IterableIterator<string> {
    return this.#queues.keys();
  }

  /** In that order, too. */
  all(): IterableIterator<Queue> {
    return this.#queues.values();
  }

  /**
   * The queue to read from, created if it is not there; one that stays empty while the disk has no room for its
   * journal. Throws KestrelError `bad-name`, or `unavailable` after the end.
   */
  obtain(name: string): Queue {
    return this.#queues.get(name) ?? this.#deferred.obtain(name);
  }

  /** The queue, created if it is not there. Throws KestrelError `bad-name` or `disk`, or `unavailable` after the end. */
  ensure(name: string): Queue {
    return this.#queues.get(name) ?? this.#create(name);
  }

  #create(name: string): Queue {
    // Its journal may be there, and another process may have the folder by now: a new one would be written over it.
    if (this.#isEnded) throw new KestrelError("unavailable", "the node has stopped");
    requireQueueName(name);
    const familyName = familyNameOf(name);
    const readerName = name.slice(familyName.length + 1);
    const { family, reader } = this.#options.families.obtainReader(familyName, readerName);
    this.#options.counters.creates++;
    const queue = this.#add(family, reader);
    this.#deferred.noteCreated(name);
    return queue;
  }

  #add(family: QueueFamily, reader: LogReader): Queue {
    const name = reader.name === "" ? family.name : `${family.name}+${reader.name}`;
    const queue = this.#make(name, family, reader);
    family.add(queue);
    this.#queues.set(name, queue);
    return queue;
  }

  #make(name: string, family: QueueFamily, reader: LogReader): Queue {
    const { families, clock, logger, expireTo, gate } = this.#options;
    return new Queue({
      name,
      family,
      reader,
      settings: families.rules.settingsFor(name),
      clock,
      logger,
      expireTo,
      gate,
    });
  }

  /** A queue in memory that stays empty: nobody but its readers knows of it. */
  createHidden(name: string): Queue {
    const family = this.#options.families.createHidden(name);
    return this.#make(name, family, family.log.readers[0]!);
  }

  /**
   * Removes the queue and, when nobody else reads it, its journal; whoever waits hears so. Throws KestrelError
   * `bad-name`, or `disk`; then it is still there.
   */
  remove(name: string): void {
    const queue = this.findNamed(name);
    if (queue === undefined) return;
    const { family } = queue;
    const { families, counters } = this.#options;
    // The last one takes the log along: it is closed then, and has nobody to tell that a reader has gone.
    if (family.log.readers.length === 1) families.remove(family);
    else family.remove(queue);
    this.#queues.delete(name);
    counters.deletes++;
    queue.end();
  }

  /** Nothing stands in for this queue any more. */
  removeStandIn(name: string): void {
    this.#deferred.remove(name);
  }

  /** Tries to create some of the queues that others stand in for. */
  retryDeferred(): void {
    this.#deferred.retry();
  }

  /** Ends all waiting for items that nobody has put yet. */
  dismissWaiters(): void {
    for (const queue of this.#queues.values()) queue.dismissWaiters();
    this.#deferred.dismissWaiters();
  }

  /** Ends all queues. From now on there are none, and none is created. */
  end(): void {
    this.#isEnded = true;
    for (const queue of this.#queues.values()) queue.end();
    this.#deferred.end();
    this.#queues.clear();
  }
}

/** Throws KestrelError `bad-name`. */
function requireQueueName(name: string): void {
  const problem = queueNameProblem(name);
  if (problem !== undefined) throw new KestrelError("bad-name", `a queue's name ${problem}`);
}
