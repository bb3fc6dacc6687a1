// One node as the cluster sees it: up until a request fails for want of a connection, then left out and tried
// again with backoff until it answers. Also remembers, for a while, that a node refuses puts or reads because
// of its status. All requests to a node go through here and are counted. Decides nothing about where they go.

import type {
  NodeTransport,
  OpenRead,
  PutAnswer,
  RawBatch,
  RawItem,
  RawPut,
} from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import {
  type Operation,
  type OperationEvent,
  OperationLog,
  type OperationOutcome,
  outcomeOf,
  outcomeOfError,
} from "./operations.ts";
import { Refusal } from "./refusal.ts";

/** Down: it can't be reached, or has stopped answering. It is tried again by and by. */
export type NodeState = "up" | "down";

/** What a node may refuse on its own: a draining node takes no puts but is read empty. */
export type NodeDuty = "puts" | "reads";

export interface ClusterNodeOptions {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  readonly transport: NodeTransport;
  readonly retry: BackoffOptions;
  /** Told after each change of state or duty. */
  onChange(node: ClusterNode, change: NodeChange): void;
  /** Told of each request when it is over. */
  readonly observe: ((event: OperationEvent) => void) | undefined;
}

export type NodeChange =
  | { readonly kind: "down"; readonly error: TransportError }
  | { readonly kind: "up" }
  | { readonly kind: "duty" };

const DUTIES: Partial<Record<Operation, NodeDuty>> = {
  put: "puts",
  "put-many": "puts",
  open: "reads",
  "open-many": "reads",
  wait: "reads",
  peek: "reads",
};

export class ClusterNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** Only Membership changes it, and the ring with it. */
  weight: number;
  /** False: whoever knows the nodes says that it is to be read only. */
  takesPuts = true;
  readonly operations: OperationLog = new OperationLog();
  readonly #transport: NodeTransport;
  readonly #options: ClusterNodeOptions;
  readonly #backoff: Backoff;
  readonly #refusals: Record<NodeDuty, Refusal>;
  #state: NodeState = "up";
  #lastError: TransportError | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ClusterNodeOptions) {
    this.id = options.id;
    this.host = options.host;
    this.port = options.port;
    this.weight = options.weight;
    this.#transport = options.transport;
    this.#options = options;
    this.#backoff = new Backoff(options.retry);
    this.#refusals = { puts: new Refusal(options.retry), reads: new Refusal(options.retry) };
  }

  /** Up until found otherwise, so a node that was never asked counts as up. */
  get state(): NodeState {
    return this.#state;
  }

  /** Why the node is down. */
  get lastError(): TransportError | undefined {
    return this.#lastError;
  }

  /** Up, meant for this, and didn't refuse it lately. */
  isFit(duty: NodeDuty): boolean {
    if (duty === "puts" && !this.takesPuts) return false;
    return this.#state === "up" && !this.#refusals[duty].isHeld;
  }

  // All these reject with the transport's errors. A node that is down may be asked as well: an answer brings it up.

  put(queue: string, item: RawPut, signal?: AbortSignal): Promise<PutAnswer> {
    return this.#run("put", queue, () => this.#transport.put(queue, item, signal));
  }

  /** Whether many items can be put in one call. */
  get putsMany(): boolean {
    return this.#transport.putMany !== undefined;
  }

  /** Only if `putsMany`. How many were put: the first ones, up to one that was refused. */
  putMany(queue: string, batch: RawBatch, signal?: AbortSignal): Promise<number> {
    return this.#run("put-many", queue, () => this.#transport.putMany!(queue, batch, signal));
  }

  async openRead(queue: string, waitMs: number, signal?: AbortSignal): Promise<OpenRead | null> {
    const operation = waitMs > 0 ? "wait" : "open";
    const read = await this.#run(operation, queue, () => this.#transport.openRead(queue, waitMs, signal));
    return read === null ? null : this.#watched(queue, read);
  }

  /** Whether many items can be opened in one call. */
  get opensMany(): boolean {
    return this.#transport.openMany !== undefined;
  }

  /** Only if `opensMany`. Null: there are none; fewer than asked for means nothing. */
  async openMany(queue: string, lengthMax: number, signal?: AbortSignal): Promise<OpenRead[] | null> {
    const reads = await this.#run("open-many", queue, async () => {
      const found = await this.#transport.openMany!(queue, lengthMax, signal);
      return found.length === 0 ? null : found;
    });
    return reads === null ? null : reads.map((read) => this.#watched(queue, read));
  }

  peek(queue: string, signal?: AbortSignal): Promise<RawItem | null> {
    return this.#run("peek", queue, () => this.#transport.peek(queue, signal));
  }

  deleteQueue(queue: string, signal?: AbortSignal): Promise<void> {
    return this.#run("delete", queue, () => this.#transport.deleteQueue(queue, signal));
  }

  flushQueue(queue: string, signal?: AbortSignal): Promise<void> {
    return this.#run("flush", queue, () => this.#transport.flushQueue(queue, signal));
  }

  stats(signal?: AbortSignal): Promise<Map<string, string>> {
    return this.#run("stats", undefined, () => this.#transport.stats(signal));
  }

  itemsIn(queue: string): Promise<number> {
    return this.#run("length", queue, () => this.#transport.itemsIn(queue));
  }

  ping(signal?: AbortSignal): Promise<void> {
    return this.#run("ping", undefined, () => this.#transport.ping(signal));
  }

  /** Resolves when no read waits or is open at this node. */
  drained(): Promise<void> {
    return this.#transport.drained();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retryTimer);
    for (const refusal of Object.values(this.#refusals)) refusal.close();
    await this.#transport.close();
  }

  /** Runs one request, and learns from how it goes. */
  async #run<T>(operation: Operation, queue: string | undefined, request: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      const answer = await request();
      this.#record(operation, queue, startedAt, outcomeOf(answer));
      // An abort comes to a good end without an answer too.
      if (operation !== "abort") this.#answered();
      const duty = DUTIES[operation];
      if (duty !== undefined) this.#refusals[duty].end();
      return answer;
    } catch (error) {
      this.#record(operation, queue, startedAt, outcomeOfError(error));
      if (error instanceof TransportError) this.#learn(operation, error);
      throw error;
    }
  }

  #record(operation: Operation, queue: string | undefined, start: number, outcome: OperationOutcome): void {
    const durationMs = performance.now() - start;
    this.operations.record(operation, outcome, durationMs);
    const { observe } = this.#options;
    if (observe === undefined) return;
    const startedAt = performance.timeOrigin + start;
    try {
      observe({ operation, node: this.id, queue, outcome, startedAt, durationMs });
    } catch (error) {
      // The observer's fault is not the request's: it is thrown where nothing of ours catches it.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** What is done with an open read is a request to this node as well. */
  #watched(queue: string, read: OpenRead): OpenRead {
    return {
      data: read.data,
      flags: read.flags,
      get isLost() {
        return read.isLost;
      },
      confirm: () => this.#run("confirm", queue, () => read.confirm()),
      confirmAndOpen: async () => {
        const next = await this.#run("confirm-open", queue, () => read.confirmAndOpen());
        return next === null ? null : this.#watched(queue, next);
      },
      abort: () => this.#run("abort", queue, () => read.abort()),
    };
  }

  #learn(operation: Operation, error: TransportError): void {
    if (this.#isClosed) return;
    const duty = DUTIES[operation];
    switch (error.kind) {
      case "unreachable":
      case "no-answer":
      case "unauthorized":
        this.#fell(error);
        break;
      case "unavailable":
      case "failed":
        this.#answered();
        if (duty === undefined) break;
        this.#refusals[duty].begin(() => this.#options.onChange(this, { kind: "duty" }));
        break;
      case "invalid":
      case "forbidden":
      case "uncertain":
        this.#answered();
        break;
      case "given-up":
      case "lost":
      case "busy":
      case "aborted":
      case "closed":
        break;
    }
  }

  #answered(): void {
    if (this.#state === "up" || this.#isClosed) return;
    clearTimeout(this.#retryTimer);
    this.#state = "up";
    this.#lastError = undefined;
    this.#backoff.reset();
    this.#options.onChange(this, { kind: "up" });
  }

  #fell(error: TransportError): void {
    this.#lastError = error;
    if (this.#state === "down") return;
    this.#state = "down";
    this.#tryAgainLater();
    this.#options.onChange(this, { kind: "down", error });
  }

  #tryAgainLater(): void {
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(async () => {
      try {
        await this.ping();
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (this.#state === "down" && !this.#isClosed) this.#tryAgainLater();
      }
    }, this.#backoff.nextMs());
  }
}
