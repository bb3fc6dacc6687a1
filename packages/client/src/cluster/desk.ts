// What goes on at one node on behalf of one waiting room: its polls, whether it has answered, and pauses.

import type { TransportError } from "../transport/transport-error.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import type { ClusterNode } from "./node.ts";

/**
 * How long polls and items without a caller are kept: a consumer that comes straight back takes them up, which
 * saves a connection and keeps the item from being put back and handed out anew.
 */
export const LINGER_MS = 20;
/** A node that answers polls before their time, or badly. */
const TOO_SOON: BackoffOptions = { minMs: 10, maxMs: 1_000, factor: 2, jitter: 0.5 };

/** An open read that waits at a node. */
export interface Poll {
  readonly abort: AbortController;
  /** When the node is to answer at the latest, on the clock of performance.now(). */
  readonly endsAt: number;
}

export class Desk {
  readonly node: ClusterNode;
  readonly polls: Set<Poll> = new Set();
  /** Items that nobody came for, on their way back to their queue. */
  readonly returning: Set<Promise<void>> = new Set();
  readonly backoff: Backoff = new Backoff(TOO_SOON);
  /** It has said "nothing there", or given an item, since it was last in trouble. */
  hasAnswered = false;
  error: TransportError | undefined;
  #holdTimer: NodeJS.Timeout | undefined;

  constructor(node: ClusterNode) {
    this.node = node;
  }

  /** Nothing is under way here. */
  get isIdle(): boolean {
    return this.polls.size === 0 && this.returning.size === 0;
  }

  get isHeld(): boolean {
    return this.#holdTimer !== undefined;
  }

  /** Leaves the node alone for a while. */
  hold(onOver: () => void): void {
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => {
      this.#holdTimer = undefined;
      onOver();
    }, this.backoff.nextMs());
  }

  /** Ends polls until no more than this many are left, but none that is about to end by itself. */
  trim(length: number): void {
    let surplus = this.polls.size - length;
    const soon = performance.now() + LINGER_MS;
    for (const poll of this.polls) {
      if (surplus <= 0) return;
      surplus--;
      if (poll.endsAt > soon) poll.abort.abort();
    }
  }

  close(): void {
    clearTimeout(this.#holdTimer);
    for (const poll of this.polls) poll.abort.abort();
  }
}
