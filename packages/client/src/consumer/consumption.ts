// Everything by which one client consumes: its consumers and its loops over items, and what they need of it.

import type { EventEmitter } from "node:events";
import type { ConsumeOptions } from "../call-options.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { ClusterNode } from "../cluster/node.ts";
import type { Puts } from "../cluster/puts.ts";
import { ReadCursors } from "../cluster/read-cursor.ts";
import type { FoundRead } from "../cluster/read-outcome.ts";
import type { ReadRequest, Reads } from "../cluster/reads.ts";
import { KestrelClientError } from "../errors.ts";
import type { ClusterEvents } from "../events.ts";
import { type Instrumentation, instrumentHandler } from "../instrumentation.ts";
import { OpenItem } from "../item.ts";
import type { QueueNames } from "../queue-name.ts";
import { allowManyListeners } from "../signals.ts";
import type { OpenRead } from "../transport/transport.ts";
import { Consumer, type ConsumerHost, type Handler, type ItemFailure } from "./consumer.ts";
import { resolveFailurePolicy } from "./failure-policy.ts";
import { type ItemStreamHost, streamItems } from "./item-stream.ts";

export interface ConsumptionParts {
  readonly cluster: Cluster;
  readonly reads: Reads;
  readonly puts: Puts;
  readonly names: QueueNames;
  readonly instrument: Instrumentation;
  readonly events: EventEmitter<ClusterEvents>;
}

const CONCURRENCY_MAX = 10_000;

export class Consumption {
  readonly #parts: ConsumptionParts;
  readonly #consumers = new Set<Consumer>();
  #hasWarned = false;

  constructor(parts: ConsumptionParts) {
    this.#parts = parts;
  }

  /** Starts a consumer. Throws `bad-request` when what it is told makes no sense. */
  consume(queue: string | readonly string[], handler: Handler, options: ConsumeOptions): Consumer {
    const { names, instrument } = this.#parts;
    const { concurrency = 1, signal } = options;
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > CONCURRENCY_MAX) {
      const range = `1 to ${CONCURRENCY_MAX}`;
      throw new KestrelClientError("bad-request", `concurrency must be ${range}, not ${concurrency}`);
    }
    const queues = new Set((typeof queue === "string" ? [queue] : queue).map((name) => names.forNodes(name)));
    if (queues.size === 0) throw new KestrelClientError("bad-request", "a consumer needs at least one queue");
    const onFailure = resolveFailurePolicy(options.onFailure, names);
    if (onFailure.retryQueue !== undefined) queues.add(onFailure.retryQueue);
    const consumer = new Consumer(this.#host, instrumentHandler(handler, instrument), {
      queues: [...queues],
      concurrency,
      onFailure,
    });
    this.#keep(consumer, signal);
    return consumer;
  }

  /** A loop over the items of one queue; without an end, it waits again and again. */
  items(queue: string, request: ReadRequest, isEndless: boolean): AsyncGenerator<OpenItem, void, undefined> {
    const { cluster, reads } = this.#parts;
    const cursors = new ReadCursors();
    const host: ItemStreamHost = {
      open: async () => {
        for (;;) {
          const found = await reads.open({ ...request, cursors });
          if (found !== null) return new OpenItem(queue, found.node.id, found.read);
          if (!isEndless) return null;
        }
      },
      mayStay: (item) => {
        const node = cluster.findNode(item.node);
        return node?.isFit("reads") === true && cursors.of(request.queue).isAt(node);
      },
      stayed: (item) => {
        const node = cluster.findNode(item.node);
        if (node !== undefined) reads.found(request.queue, node, cursors);
      },
      unconfirmed: (item, error) => void this.#parts.events.emit("item:unconfirmed", { item, error }),
    };
    return streamItems(host);
  }

  /** Stops all consumers; what is open goes back. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#consumers].map((consumer) => consumer.stop({ deadline: 0 })));
  }

  #keep(consumer: Consumer, signal: AbortSignal | undefined): void {
    // Why it ended badly is told by the consumer's own promise.
    const stop = (): void => void consumer.stop().catch(() => {});
    const forget = (): void => {
      this.#consumers.delete(consumer);
      signal?.removeEventListener("abort", stop);
    };
    allowManyListeners(signal);
    this.#consumers.add(consumer);
    consumer.finished.then(forget, forget);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  }

  readonly #host: ConsumerHost = {
    openAny: (queues, waitMs, cursors, signal) =>
      this.#parts.reads.openAny(queues, { waitMs, partial: "empty", cursors, signal }),
    confirmAndOpen: (found, cursors) => this.#confirmAndOpen(found, cursors),
    putAgain: (queue, data, flags, signal) => this.#putAgain(queue, data, flags, signal),
    nameOf: (queue) => this.#parts.names.nameOf(queue),
    itemFailed: (failure) => this.#itemFailed(failure),
    itemUnconfirmed: (unconfirmed) => void this.#parts.events.emit("item:unconfirmed", unconfirmed),
  };

  async #confirmAndOpen(found: FoundRead, cursors: ReadCursors): Promise<OpenRead | null> {
    const { queue, node, read } = found;
    if (!this.#isPlace(node)) {
      await read.confirm();
      return null;
    }
    const next = await read.confirmAndOpen();
    if (next !== null) this.#parts.reads.found(queue, node, cursors);
    return next;
  }

  /** Whether the node is still one to read from. */
  #isPlace(node: ClusterNode): boolean {
    return this.#parts.cluster.findNode(node.id) === node && node.isFit("reads");
  }

  async #putAgain(queue: string, data: Buffer, flags: number, signal: AbortSignal): Promise<void> {
    const item = { data, flags, expiry: 0 };
    const request = { queue, item, key: undefined, orderedOnly: false, waitMs: 0, signal };
    const outcome = await this.#parts.puts.put(request);
    if (outcome.stored) return;
    throw new KestrelClientError("unavailable", `${outcome.node}: ${queue} takes no more: ${outcome.reason}`);
  }

  #itemFailed(failure: ItemFailure): void {
    if (this.#parts.events.emit("item:failed", failure) || this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(`a handler of queue "${failure.item.queue}" failed: ${failure.error}`, {
      type: "KestrelConsumerWarning",
      detail: 'Listen to the event "item:failed" to learn of every such failure.',
    });
  }
}
