// Those who wait for items of one queue, in the order in which they came. Each leaves exactly once: with an item, with
// nothing, or turned away. There may be thousands: what is done for each item that comes doesn't look at all of them.

import { TransportError } from "../transport/transport-error.ts";
import type { FoundRead, ReadOutcome, UnaskedNode } from "./read-outcome.ts";

export interface CallerOptions {
  /** On the clock of performance.now(). */
  readonly deadline: number;
  /** Waits on although every node has locked us out: one may let us in meanwhile. */
  readonly isPatient: boolean;
  readonly signal: AbortSignal | undefined;
}

export interface Caller {
  readonly deadline: number;
  readonly isPatient: boolean;
  /** Ends this caller's own asking when there is no more time for it. */
  readonly abort: AbortController;
  /** Has asked each node in turn, and now relies on the polls. */
  isPolling: boolean;
  timer: NodeJS.Timeout | undefined;
  resolve(outcome: ReadOutcome): void;
  reject(error: TransportError): void;
}

export interface CallerLineOptions {
  /** A caller's time is over. */
  onOverdue(caller: Caller): void;
  /** A caller has left without an item. */
  onLeft(): void;
}

export class CallerLine {
  readonly #options: CallerLineOptions;
  readonly #callers = new Set<Caller>();
  readonly #overdue = new Set<Caller>();

  constructor(options: CallerLineOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#callers.size;
  }

  has(caller: Caller): boolean {
    return this.#callers.has(caller);
  }

  isOverdue(caller: Caller): boolean {
    return this.#overdue.has(caller);
  }

  /** All of them, whatever becomes of them meanwhile. */
  all(): Caller[] {
    return [...this.#callers];
  }

  /** Those whose time is over. */
  allOverdue(): Caller[] {
    return [...this.#overdue];
  }

  /** Who has relied on the polls for longest. */
  findPolling(): Caller | undefined {
    for (const caller of this.#callers) if (caller.isPolling) return caller;
    return undefined;
  }

  /** How many have time and rely on the polls; counts no further than `most`. */
  pollingLength(now: number, most: number): number {
    let length = 0;
    for (const { isPolling, deadline } of this.#callers) {
      if (isPolling && deadline > now && ++length === most) break;
    }
    return length;
  }

  /** How long the one with the most time has, as far as it is less than `mostMs`. */
  longestMs(now: number, mostMs: number): number {
    let longestMs = 0;
    for (const { deadline } of this.#callers) {
      longestMs = Math.max(longestMs, Math.ceil(deadline - now));
      if (longestMs >= mostMs) return mostMs;
    }
    return longestMs;
  }

  /** Adds a caller behind the others; `settled` hears what it leaves with. */
  join(options: CallerOptions, settled: Pick<Caller, "resolve" | "reject">): Caller {
    const { deadline, isPatient, signal } = options;
    const onAbort = (): void => this.turnAway(caller, new TransportError("aborted", "aborted while waiting"));
    const leave = (): void => {
      clearTimeout(caller.timer);
      signal?.removeEventListener("abort", onAbort);
    };
    const caller: Caller = {
      deadline,
      isPatient,
      abort: new AbortController(),
      isPolling: false,
      timer: undefined,
      resolve(outcome) {
        leave();
        settled.resolve(outcome);
      },
      reject(error) {
        leave();
        settled.reject(error);
      },
    };
    this.recall(caller, deadline - performance.now());
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#callers.add(caller);
    return caller;
  }

  /** The caller's time is over after so many milliseconds. */
  recall(caller: Caller, ms: number): void {
    clearTimeout(caller.timer);
    caller.timer = setTimeout(
      () => {
        this.#overdue.add(caller);
        this.#options.onOverdue(caller);
      },
      Math.max(0, Math.ceil(ms)),
    );
  }

  serve(caller: Caller, found: FoundRead): void {
    if (this.#remove(caller)) caller.resolve({ found });
  }

  tellNothing(caller: Caller, unasked: readonly UnaskedNode[]): void {
    if (!this.#remove(caller)) return;
    caller.abort.abort();
    caller.resolve({ found: null, unasked });
    this.#options.onLeft();
  }

  turnAway(caller: Caller, error: TransportError): void {
    if (!this.#remove(caller)) return;
    caller.abort.abort();
    caller.reject(error);
    this.#options.onLeft();
  }

  /**
   * Leaves nobody. What they are asking runs its course: thousands of aborts, each with its errors and listeners, would
   * hold up everything else.
   */
  dissolve(error: TransportError): void {
    const callers = this.all();
    this.#callers.clear();
    this.#overdue.clear();
    for (const caller of callers) caller.reject(error);
  }

  #remove(caller: Caller): boolean {
    this.#overdue.delete(caller);
    return this.#callers.delete(caller);
  }
}
