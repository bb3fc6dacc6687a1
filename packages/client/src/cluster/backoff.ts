// How long to leave something alone that has just failed: longer each time, never quite the same, so that many
// clients don't come back at once.

/** Pauses between attempts: each longer than the one before, and never quite the same. */
export interface BackoffOptions {
  /** The first pause, in milliseconds. */
  readonly minMs: number;
  /** The longest pause, in milliseconds. */
  readonly maxMs: number;
  /** By how much each pause is longer than the one before. */
  readonly factor: number;
  /** The part of each pause that is left to chance, 0 to 1. */
  readonly jitter: number;
}

/** A pause in milliseconds after that many earlier failures. */
export function backoffMs(options: BackoffOptions, failures: number): number {
  const { minMs, maxMs, factor, jitter } = options;
  return Math.min(maxMs, minMs * factor ** failures) * (1 - jitter * Math.random());
}

export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The next pause in milliseconds: between (1 - jitter) and 1 times minMs, minMs * factor, ... up to maxMs. */
  nextMs(): number {
    return backoffMs(this.#options, this.#failures++);
  }

  /** All is well again: the next pause is a first one. */
  reset(): void {
    this.#failures = 0;
  }
}
