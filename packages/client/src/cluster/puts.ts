// Putting one item somewhere in the cluster: on the node whose turn it is, or, as long as it is certain that the
// item is nowhere yet, on the next one.

import { clientErrorOf, KestrelClientError, type KestrelClientErrorCode } from "../errors.ts";
import type { RawPut } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import { Backoff } from "./backoff.ts";
import type { ClusterNode } from "./node.ts";
import type { Strategy } from "./strategy.ts";

/**
 * What became of a put that was answered. Not stored: `full` means that the queue takes no more on any node
 * where this item may go, `too-large` that it never will.
 */
export type PutOutcome =
  | {
      readonly stored: true;
      /** The id of the node that has it. */
      readonly node: string;
      /** Only under "at-least-once": an earlier attempt was not answered, so it may be stored twice. */
      readonly mayBeDoubled?: true;
    }
  | { readonly stored: false; readonly node: string; readonly reason: "full" | "too-large" };

/** What to do about a put that was sent and not answered: report it, or put the item again elsewhere. */
export type Guarantee = "at-most-once" | "at-least-once";

export interface PutRequest {
  readonly queue: string;
  readonly item: RawPut;
  readonly key: string | undefined;
  /** Only to the first node in order, whatever happens. */
  readonly orderedOnly: boolean;
  /** How long to keep trying while it is certain that the item is stored nowhere. */
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

interface Failure {
  readonly node: ClusterNode;
  readonly error: TransportError;
}

export class Puts {
  readonly #strategy: Strategy;
  readonly #guarantee: Guarantee;
  readonly #waiting = new Set<() => void>();

  constructor(strategy: Strategy, guarantee: Guarantee) {
    this.#strategy = strategy;
    this.#guarantee = guarantee;
  }

  async put(request: PutRequest): Promise<PutOutcome> {
    if (request.waitMs === 0) return this.#tryOnce(request);
    const deadline = performance.now() + request.waitMs;
    const pauses = new Backoff(WAITING);
    for (;;) {
      try {
        return await this.#tryOnce(request);
      } catch (error) {
        const leftMs = deadline - performance.now();
        if (!(error instanceof KestrelClientError) || !MAY_PASS.has(error.code) || leftMs <= 0) throw error;
        await this.#change(Math.min(leftMs, pauses.nextMs()), request.signal);
      }
    }
  }

  /** To be called when a node came up, came in or became fit: puts that wait are tried again. */
  somethingChanged(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Puts that wait are tried for the last time. */
  close(): void {
    this.somethingChanged();
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

  async #tryOnce(request: PutRequest): Promise<PutOutcome> {
    const { queue, item, key, orderedOnly, signal } = request;
    const failures: Failure[] = [];
    let unanswered: Failure | undefined;
    let full: PutOutcome | undefined;
    for (const node of this.#candidates(queue, key, orderedOnly)) {
      // Nodes that are down are the last resort for an item that has no place, not for one that was refused.
      if (full !== undefined && !node.isFit("puts")) continue;
      try {
        const answer = await node.put(queue, item, signal);
        if (answer === "stored") {
          return unanswered === undefined
            ? { stored: true, node: node.id }
            : { stored: true, node: node.id, mayBeDoubled: true };
        }
        if (unanswered !== undefined) continue;
        const refused: PutOutcome = { stored: false, node: node.id, reason: answer };
        if (answer === "too-large" || !this.#strategy.spills(key)) return refused;
        full ??= refused;
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (isFinal(error)) throw clientErrorOf(error, node.id);
        if (error.kind === "no-answer") {
          if (this.#guarantee !== "at-least-once") throw clientErrorOf(error, node.id);
          unanswered ??= { node, error };
        } else {
          failures.push({ node, error });
        }
      }
    }
    if (unanswered !== undefined) throw clientErrorOf(unanswered.error, unanswered.node.id);
    if (full !== undefined) return full;
    throw nowhere(failures);
  }

  /** Fit nodes first, then the others: one that is down may be back, and trying costs little. */
  *#candidates(queue: string, key: string | undefined, orderedOnly: boolean): Generator<ClusterNode> {
    const all = this.#strategy.putOrder(queue, key);
    const order = orderedOnly ? all.slice(0, 1) : all;
    const asked = new Set<ClusterNode>();
    for (const node of order) {
      if (!node.isFit("puts")) continue;
      asked.add(node);
      yield node;
    }
    for (const node of order) {
      if (!asked.has(node)) yield node;
    }
    // Only a put that must be stored, at the price of storing it twice, comes this far with anything left to try.
    if (this.#guarantee === "at-least-once") yield* order;
  }
}

/** Errors that time may mend, and after which the item is surely nowhere. */
const MAY_PASS: ReadonlySet<KestrelClientErrorCode> = new Set(["no-node", "unavailable", "busy"]);
/** A node that comes up wakes those who wait; this is for what nobody tells. */
const WAITING = { minMs: 50, maxMs: 1_000, factor: 2, jitter: 0.5 };

/** Errors that another node would not change. */
function isFinal(error: TransportError): boolean {
  return ["given-up", "aborted", "closed", "invalid"].includes(error.kind);
}

function nowhere(failures: readonly Failure[]): KestrelClientError {
  if (failures.length === 0) return new KestrelClientError("no-node", "the cluster has no nodes");
  const kinds = new Set(failures.map(({ error }) => error.kind));
  let code: KestrelClientErrorCode = "no-node";
  if (kinds.has("unauthorized")) code = "unauthorized";
  else if (kinds.has("busy")) code = "busy";
  else if (kinds.has("unavailable") || kinds.has("failed")) code = "unavailable";
  const reasons = new Map(failures.map(({ node, error }) => [node.id, error.message]));
  const text = [...reasons].map(([id, reason]) => `${id}: ${reason}`).join("; ");
  return new KestrelClientError(code, `not stored on any node: ${text}`, { cause: failures.at(-1)!.error });
}
