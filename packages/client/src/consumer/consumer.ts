// A consumer: so many handlers at once, each with one item that is open until the handler is done with it. Nothing
// is taken from a node that no handler is free for.

import { Backoff, backoffMs } from "../cluster/backoff.ts";
import { ReadCursors } from "../cluster/read-cursor.ts";
import type { FoundRead } from "../cluster/read-outcome.ts";
import { clientErrorOf, KestrelClientError } from "../errors.ts";
import { Item } from "../item.ts";
import { allowManyListeners } from "../signals.ts";
import type { OpenRead } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import { withRetries } from "./attempts.ts";
import type { ResolvedFailurePolicy } from "./failure-policy.ts";

/** An item in the hands of a handler. It is confirmed when the handler resolves. */
export class ConsumedItem extends Item {
  /** Which attempt this is, beginning with 1: one more than `retries`. */
  readonly attempt: number;
  /** Aborted when the consumer stops waiting for this handler; the item has gone back then. */
  readonly signal: AbortSignal;

  constructor(found: FoundRead, name: string, signal: AbortSignal) {
    super(name, found.node.id, found.read);
    this.attempt = this.retries + 1;
    this.signal = signal;
  }
}

/** Does what is to be done with one item. The item is confirmed when it returns or resolves. */
export type Handler = (item: ConsumedItem) => unknown;

/** What was done with an item after its handler had failed. */
export type FailureAction = "abort" | "drop" | "retry" | "dead-letter";

/** A handler's failure with an item. */
export interface ItemFailure {
  /** The item as the handler had it. */
  readonly item: ConsumedItem;
  /** What the handler threw. */
  readonly error: unknown;
  /** What is about to be done with the item. */
  readonly action: FailureAction;
}

/** An item that was handled, but may or will come again. */
export interface UnconfirmedItem {
  /** The item. */
  readonly item: Item;
  /** `lost`: it will come again. `unknown`: it may. Others: a failed item could not be put again, so it went back. */
  readonly error: KestrelClientError;
}

/** What a consumer needs of its client. */
export interface ConsumerHost {
  openAny(
    queues: readonly string[],
    waitMs: number,
    cursors: ReadCursors,
    signal: AbortSignal,
  ): Promise<FoundRead | null>;
  /** Confirms, and opens the next item there if that is still a place to read from. */
  confirmAndOpen(found: FoundRead, cursors: ReadCursors): Promise<OpenRead | null>;
  putAgain(queue: string, data: Buffer, flags: number, signal: AbortSignal): Promise<void>;
  /** A queue's name as users know it. */
  nameOf(queue: string): string;
  itemFailed(failure: ItemFailure): void;
  itemUnconfirmed(unconfirmed: UnconfirmedItem): void;
}

export interface ConsumerOptions {
  /** Those named first are preferred. */
  readonly queues: readonly string[];
  readonly concurrency: number;
  readonly onFailure: ResolvedFailurePolicy;
}

/** How a consumer is stopped. */
export interface StopOptions {
  /**
   * How long handlers may take to finish: a moment, or milliseconds from now. The items of those that don't go
   * back to their queues then. Default: as long as they need.
   */
  readonly deadline?: Date | number;
}

/** A consumer waits for ever, in waits of this length. */
const WAIT_MS = 60_000;

interface Task {
  readonly found: FoundRead;
  readonly item: ConsumedItem;
  /** Aborted to give the task up. */
  readonly controller: AbortController;
}

/** A running consumer. Made by KestrelClusterClient.consume(). */
export class Consumer implements AsyncDisposable {
  /**
   * Resolves when the consumer has stopped: no handler is waited for, and no item of it is open. A last question for an
   * item may still be on its way to a node, and what it finds goes back; a queue that is deleted just then may be made
   * anew by it, empty. Rejects if it had to stop because a node finds the queue's name or the request wrong.
   */
  readonly finished: Promise<void>;
  readonly #host: ConsumerHost;
  readonly #handler: Handler;
  readonly #options: ConsumerOptions;
  readonly #stopping = new AbortController();
  readonly #tasks = new Set<Task>();
  #handled = 0;
  #deadlineTimer: NodeJS.Timeout | undefined;

  constructor(host: ConsumerHost, handler: Handler, options: ConsumerOptions) {
    this.#host = host;
    this.#handler = handler;
    this.#options = options;
    // Each of its workers listens.
    allowManyListeners(this.#stopping.signal);
    this.finished = this.#run();
  }

  /** How many handlers are at work. */
  get running(): number {
    return this.#tasks.size;
  }

  /** How many items were handled with success so far. */
  get handled(): number {
    return this.#handled;
  }

  /**
   * Takes no new items; handlers at work may finish, and their items are confirmed. Resolves when all is done; at the
   * deadline at the latest, plus what a node may take to answer (ClusterOptions.timeoutMs) where something has just
   * been sent. May be called again with an earlier deadline.
   */
  async stop(options: StopOptions = {}): Promise<void> {
    this.#stopping.abort();
    const { deadline } = options;
    if (deadline !== undefined) {
      const ms = deadline instanceof Date ? deadline.getTime() - Date.now() : deadline;
      clearTimeout(this.#deadlineTimer);
      if (ms <= 0) this.#giveUp();
      else this.#deadlineTimer = setTimeout(() => this.#giveUp(), ms);
    }
    await this.finished;
  }

  /** As stop(), without a deadline. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    const workers = Array.from({ length: this.#options.concurrency }, () => this.#work());
    try {
      await Promise.all(workers);
    } finally {
      this.#stopping.abort();
      await Promise.allSettled(workers);
      clearTimeout(this.#deadlineTimer);
    }
  }

  async #work(): Promise<void> {
    const backoff = new Backoff(this.#options.onFailure.backoff);
    const cursors = new ReadCursors();
    let found: FoundRead | null = null;
    while (!this.#stopping.signal.aborted) {
      if (found === null) {
        found = await this.#take(cursors);
        // It may have come in the very moment of a stop.
        continue;
      }
      found = await this.#handle(found, cursors, backoff);
    }
    await found?.read.abort();
  }

  async #take(cursors: ReadCursors): Promise<FoundRead | null> {
    try {
      return await this.#host.openAny(this.#options.queues, WAIT_MS, cursors, this.#stopping.signal);
    } catch (error) {
      if (!(error instanceof KestrelClientError)) throw error;
      if (error.code === "aborted" || error.code === "closed") {
        this.#stopping.abort();
        return null;
      }
      throw error;
    }
  }

  /** One item; gives the next one if one came along with the confirm. */
  async #handle(found: FoundRead, cursors: ReadCursors, backoff: Backoff): Promise<FoundRead | null> {
    const controller = new AbortController();
    const item = new ConsumedItem(found, this.#host.nameOf(found.queue), controller.signal);
    const task: Task = { found, item, controller };
    this.#tasks.add(task);
    try {
      const outcome = await this.#callHandler(task);
      if (controller.signal.aborted) return null;
      if (outcome.isFailed) {
        await this.#fail(task, outcome.error, backoff);
        return null;
      }
      backoff.reset();
      this.#handled++;
      return await this.#confirm(task, cursors);
    } finally {
      this.#tasks.delete(task);
    }
  }

  async #callHandler({ item, controller }: Task): Promise<{ isFailed: boolean; error?: unknown }> {
    const handling = (async () => {
      await this.#handler(item);
      return { isFailed: false };
    })().catch((error: unknown) => {
      if (controller.signal.aborted) this.#host.itemFailed({ item, error, action: "abort" });
      return { isFailed: true, error };
    });
    return Promise.race([handling, aborted(controller.signal)]);
  }

  /** Confirms; with the next item in the same round trip, when that is the one to be read next. */
  async #confirm({ found, item }: Task, cursors?: ReadCursors): Promise<FoundRead | null> {
    const { queue, node, read } = found;
    try {
      const mayStay = cursors?.of(queue).isAt(node) === true && queue === this.#options.queues[0];
      if (cursors === undefined || !mayStay || this.#stopping.signal.aborted) {
        await read.confirm();
        return null;
      }
      const next = await this.#host.confirmAndOpen(found, cursors);
      return next === null ? null : { queue, node, read: next };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#host.itemUnconfirmed({ item, error: clientErrorOf(error, node.id) });
      return null;
    }
  }

  async #fail(task: Task, error: unknown, backoff: Backoff): Promise<void> {
    const { item } = task;
    const { action } = this.#options.onFailure;
    if (action === "drop") {
      this.#host.itemFailed({ item, error, action });
      await this.#confirm(task);
    } else if (action === "abort") {
      this.#host.itemFailed({ item, error, action });
      await this.#pause(task, backoff.nextMs());
      await task.found.read.abort();
    } else {
      await this.#retry(task, error, backoff);
    }
  }

  /** Put first, then confirm: whatever breaks in between, the item is somewhere. */
  async #retry(task: Task, error: unknown, backoff: Backoff): Promise<void> {
    const { item, found } = task;
    const policy = this.#options.onFailure;
    const isLast = item.attempt >= policy.maxAttempts;
    const queue = isLast ? policy.deadLetterQueue : (policy.retryQueue ?? found.queue);
    const action = isLast ? (queue === undefined ? "drop" : "dead-letter") : "retry";
    this.#host.itemFailed({ item, error, action });
    if (!isLast) await this.#pause(task, backoffMs(policy.backoff, item.retries));
    if (this.#stopping.signal.aborted && !isLast) {
      await found.read.abort();
      return;
    }
    try {
      if (queue !== undefined) {
        await this.#host.putAgain(
          queue,
          item.data,
          withRetries(item.flags, isLast ? 0 : item.attempt),
          task.controller.signal,
        );
      }
    } catch (failure) {
      if (!(failure instanceof KestrelClientError)) throw failure;
      this.#host.itemUnconfirmed({ item, error: failure });
      await this.#pause(task, backoff.nextMs());
      await found.read.abort();
      return;
    }
    await this.#confirm(task);
  }

  /** Ends early when the consumer stops. */
  #pause({ controller }: Task, ms: number): Promise<void> {
    // Not AbortSignal.any: in Node 20 each of those stays with a source that outlives it, here the whole consumer's.
    const signals = [this.#stopping.signal, controller.signal];
    if (signals.some(({ aborted }) => aborted)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        for (const signal of signals) signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      for (const signal of signals) signal.addEventListener("abort", end, { once: true });
    });
  }

  /** Nothing more is waited for: what is open goes back, whatever its handler does. */
  #giveUp(): void {
    for (const { controller, found } of this.#tasks) {
      controller.abort();
      void found.read.abort();
    }
  }
}

function aborted(signal: AbortSignal): Promise<{ isFailed: boolean }> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve({ isFailed: true }), { once: true });
  });
}
