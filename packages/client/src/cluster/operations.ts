// The kinds of requests that nodes are sent, how each turned out, and what is counted of them.

import { TransportError, type TransportErrorKind } from "../transport/transport-error.ts";

/**
 * A request to one node. `put-many` and `open-many` are one call for many items; `wait` is an open read that waits for
 * an item: its duration says nothing of the node.
 */
export type Operation =
  | "put"
  | "put-many"
  | "open"
  | "open-many"
  | "wait"
  | "peek"
  | "confirm"
  | "confirm-open"
  | "abort"
  | "delete"
  | "flush"
  | "stats"
  | "length"
  | "ping";

/** How a request turned out: as hoped, with nothing there, refused as an outcome, or an error. */
export type OperationOutcome = "ok" | "empty" | "full" | "too-large" | TransportErrorKind;

/** One request to one node, when it is over. Enough to make an OpenTelemetry span of. */
export interface OperationEvent {
  /** What was asked. */
  readonly operation: Operation;
  /** The node's id. */
  readonly node: string;
  /** The queue concerned, if it is one, as nodes know it. */
  readonly queue: string | undefined;
  /** How it turned out. */
  readonly outcome: OperationOutcome;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
  /** In milliseconds, from the call to the answer; time in the client's own line included. */
  readonly durationMs: number;
}

/** Counts of one operation at one node since the client was made. */
export interface OperationCounts {
  /** How many there were. */
  count: number;
  /** Of them, the ones that ended in an error, as opposed to an outcome. */
  errors: number;
  /** How long they took together, in milliseconds. */
  sumMs: number;
  /** The longest, in milliseconds. */
  maxMs: number;
  /** How many took at most as long as the bound in LATENCY_BOUNDS_MS at the same place; the last: longer. */
  readonly buckets: number[];
}

/** Upper bounds of the buckets of durations, in milliseconds. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000,
];

const OUTCOMES_THAT_ARE_NO_ERRORS: ReadonlySet<OperationOutcome> = new Set([
  "ok",
  "empty",
  "full",
  "too-large",
]);

/** What is counted of the requests to one node. */
export class OperationLog {
  readonly counts: Map<Operation, OperationCounts> = new Map();

  record(operation: Operation, outcome: OperationOutcome, durationMs: number): void {
    let counts = this.counts.get(operation);
    if (counts === undefined) {
      const buckets = new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0);
      counts = { count: 0, errors: 0, sumMs: 0, maxMs: 0, buckets };
      this.counts.set(operation, counts);
    }
    counts.count++;
    if (outcome !== "ok" && !OUTCOMES_THAT_ARE_NO_ERRORS.has(outcome)) counts.errors++;
    counts.sumMs += durationMs;
    if (durationMs > counts.maxMs) counts.maxMs = durationMs;
    let place = 0;
    while (place < LATENCY_BOUNDS_MS.length && durationMs > LATENCY_BOUNDS_MS[place]!) place++;
    counts.buckets[place]!++;
  }
}

/** The outcome that an answer stands for. */
export function outcomeOf(answer: unknown): OperationOutcome {
  if (answer === null) return "empty";
  return answer === "full" || answer === "too-large" ? answer : "ok";
}

/** The outcome that an error stands for. */
export function outcomeOfError(error: unknown): OperationOutcome {
  return error instanceof TransportError ? error.kind : "failed";
}
