/**
 * Queues that are read but whose journals the disk has refused to hold: reading needs no room on it. They read as
 * empty, and are created as soon as that is possible; who waits in them then hears that there is nothing, and asks
 * again. Nothing is ever put into one: a put creates the queue or fails.
 */
import { KestrelError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { familyNameOf } from "../settings/queue-name.ts";
import type { Queue } from "./queue.ts";

/** So many are tried again at a time. */
const triesMax = 10;

/** How queues come into being. */
export interface QueueMaker {
  /** Throws KestrelError `bad-name` or `disk`. */
  create(name: string): Queue;
  /** A queue in memory that nobody else finds. */
  createHidden(name: string): Queue;
}

export class DeferredQueues {
  readonly #maker: QueueMaker;
  readonly #logger: Logger;
  /** Those that stand in, by name, in the order in which they are to be tried. */
  readonly #queues: Map<string, Queue> = new Map();

  constructor(maker: QueueMaker, logger: Logger) {
    this.#maker = maker;
    this.#logger = logger;
  }

  /** Creates the queue of this name, or gives one that stands in for it. Throws KestrelError `bad-name`. */
  obtain(name: string): Queue {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    try {
      return this.#maker.create(name);
    } catch (error) {
      if (!(error instanceof KestrelError) || error.code !== "disk") throw error;
      this.#logger.warn(
        { err: error, queue: name },
        "no journal for a queue that is read: it reads as empty until there is one",
      );
      const empty = this.#maker.createHidden(name);
      this.#queues.set(name, empty);
      return empty;
    }
  }

  /** A queue is there now. Its fanouts must be, too: they would miss what is put from now on. */
  noteCreated(name: string): void {
    if (this.#queues.size === 0) return;
    this.remove(name);
    const family = familyNameOf(name);
    for (const other of [...this.#queues.keys()]) if (familyNameOf(other) === family) this.#retry(other);
  }

  /** Tries some of them again. */
  retry(): void {
    for (const name of [...this.#queues.keys()].slice(0, triesMax)) this.#retry(name);
  }

  #retry(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    try {
      this.#maker.create(name);
    } catch (error) {
      this.#logger.debug({ err: error, queue: name }, "still no journal for a queue that is read");
      // It comes last the next time.
      this.#queues.delete(name);
      this.#queues.set(name, queue);
    }
  }

  /** It stands in no more. */
  remove(name: string): void {
    const queue = this.#queues.get(name);
    if (queue === undefined) return;
    this.#queues.delete(name);
    queue.end();
    queue.reader.log.abandon();
  }

  dismissWaiters(): void {
    for (const queue of this.#queues.values()) queue.dismissWaiters();
  }

  end(): void {
    for (const name of [...this.#queues.keys()]) this.remove(name);
  }
}
