// Putting items somewhere in the cluster: on the node whose turn it is, or, as long as it is certain that an item is
// nowhere yet, on the next one. Many items of one queue go to each node together.

import { KestrelClientError, type KestrelClientErrorCode } from "../errors.ts";
import type { RawPut } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import { Backoff } from "./backoff.ts";
import type { ClusterNode } from "./node.ts";
import { Placement, type PutOutcome } from "./placement.ts";
import { type NodeAnswer, putBatch } from "./put-batch.ts";
import type { Strategy } from "./strategy.ts";

/** What to do about a put that was sent and not answered: report it, or put the item again elsewhere. */
export type Guarantee = "at-most-once" | "at-least-once";

export interface PutTarget {
  readonly queue: string;
  readonly key: string | undefined;
  /** Only to the first node in order, whatever happens. */
  readonly orderedOnly: boolean;
  /** How long to keep trying while it is certain that the item is stored nowhere. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

export interface PutRequest extends PutTarget {
  readonly item: RawPut;
}

export interface PutManyRequest extends PutTarget {
  readonly items: readonly Buffer[];
  readonly flags: number;
  readonly expiry: number;
}

export type PutResult = PutOutcome | KestrelClientError;

/** One item of a batch. */
interface Job {
  readonly index: number;
  readonly placement: Placement;
}

export class Puts {
  readonly #strategy: Strategy;
  readonly #guarantee: Guarantee;
  readonly #waiting = new Set<() => void>();

  constructor(strategy: Strategy, guarantee: Guarantee) {
    this.#strategy = strategy;
    this.#guarantee = guarantee;
  }

  /** Rejects with KestrelClientError. */
  put(request: PutRequest): Promise<PutOutcome> {
    // Without a promise in between: of these, a client makes the most.
    return request.waitMs > 0 ? this.#insist(request) : this.#tryOne(request, false);
  }

  /** Puts each as put() would; what came of each, in their order. Never rejects with KestrelClientError. */
  async putMany(request: PutManyRequest): Promise<PutResult[]> {
    const results: PutResult[] = [];
    await this.#tryMany(request, [...request.items.keys()], results, false);
    if (request.waitMs > 0 && results.some(mayPass)) {
      await this.#retry(request, async () => {
        const left = [...results.keys()].filter((index) => mayPass(results[index]!));
        await this.#tryMany(request, left, results, true);
        return !results.some(mayPass);
      });
    }
    return results;
  }

  /** To be called when a node came up, came in or became fit: puts that wait are tried again. */
  somethingChanged(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Puts that wait are tried for the last time. */
  close(): void {
    this.somethingChanged();
  }

  /** Tries again whenever something has changed, and now and then, until it says that it is done or time is over. */
  async #retry({ waitMs, signal }: PutTarget, attempt: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + waitMs;
    const pauses = new Backoff(WAITING);
    for (;;) {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return;
      await this.#change(Math.min(leftMs, pauses.nextMs()), signal);
      if (await attempt()) return;
    }
  }

  /** Resolves after a while, or as soon as something has changed. */
  #change(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  async #insist(request: PutRequest): Promise<PutOutcome> {
    let outcome: PutOutcome | undefined;
    let lastError: unknown;
    const attempt = async (): Promise<boolean> => {
      try {
        outcome = await this.#tryOne(request, lastError !== undefined);
      } catch (error) {
        if (!(error instanceof KestrelClientError) || !mayPass(error)) throw error;
        lastError = error;
      }
      return outcome !== undefined;
    };
    if (!(await attempt())) await this.#retry(request, attempt);
    if (outcome === undefined) throw lastError;
    return outcome;
  }

  async #tryOne(request: PutRequest, isRepeated: boolean): Promise<PutOutcome> {
    const { queue, item, signal } = request;
    const placement = this.#place(request, isRepeated);
    for (;;) {
      const node = placement.next();
      if (node === undefined) return outcomeOrThrow(placement.conclude());
      let answer: NodeAnswer;
      try {
        answer = await node.put(queue, item, signal);
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        answer = error;
      }
      const result = resultOf(placement, node, answer);
      if (result !== undefined) return outcomeOrThrow(result);
    }
  }

  async #tryMany(
    request: PutManyRequest,
    indexes: readonly number[],
    results: PutResult[],
    isRepeated: boolean,
  ): Promise<void> {
    const jobs = indexes.map((index) => ({ index, placement: this.#place(request, isRepeated) }));
    await this.#spread(request, jobs, results);
  }

  /** Each item to its next node; those that find no place there, to the ones behind that. */
  async #spread(request: PutManyRequest, jobs: readonly Job[], results: PutResult[]): Promise<void> {
    const { queue, items, flags, expiry, signal } = request;
    const byNode = new Map<ClusterNode, Job[]>();
    for (const job of jobs) {
      const node = job.placement.next();
      if (node === undefined) {
        results[job.index] = job.placement.conclude();
        continue;
      }
      const together = byNode.get(node);
      if (together === undefined) byNode.set(node, [job]);
      else together.push(job);
    }
    const groups = [...byNode].map(async ([node, group]) => {
      const batch = { items: group.map(({ index }) => items[index]!), flags, expiry };
      const answers = await putBatch(node, queue, batch, signal);
      const left = group.filter(({ index, placement }, i) => {
        const result = resultOf(placement, node, answers[i]!);
        if (result !== undefined) results[index] = result;
        return result === undefined;
      });
      if (left.length > 0) await this.#spread(request, left, results);
    });
    await Promise.all(groups);
  }

  #place({ queue, key, orderedOnly }: PutTarget, isRepeated: boolean): Placement {
    const order = this.#strategy.putOrder(queue, key);
    return new Placement({
      order: orderedOnly ? order.slice(0, 1) : order,
      spills: this.#strategy.spills(key),
      mayDouble: this.#guarantee === "at-least-once",
      isRepeated,
    });
  }
}

/** Errors that time may mend, and after which the item is surely nowhere. */
const MAY_PASS: ReadonlySet<KestrelClientErrorCode> = new Set(["no-node", "unavailable", "busy"]);
/** A node that comes up wakes those who wait; this is for what nobody tells. */
const WAITING = { minMs: 50, maxMs: 1_000, factor: 2, jitter: 0.5 };

function outcomeOrThrow(result: PutResult): PutOutcome {
  if (result instanceof KestrelClientError) throw result;
  return result;
}

/** With nodes that have locked us out, too, as long as not all have. */
function mayPass(result: PutResult): boolean {
  if (!(result instanceof KestrelClientError)) return false;
  const { code, cause } = result;
  if (code === "unauthorized") return cause instanceof TransportError && !cause.isLockedOut;
  return MAY_PASS.has(code);
}

/** What a node's answer means for the item; undefined: it has to go on. */
function resultOf(placement: Placement, node: ClusterNode, answer: NodeAnswer): PutResult | undefined {
  return answer instanceof TransportError ? placement.failed(node, answer) : placement.answered(node, answer);
}
