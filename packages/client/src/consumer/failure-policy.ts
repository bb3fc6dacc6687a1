// What becomes of an item when its handler fails.

import type { BackoffOptions } from "../cluster/backoff.ts";
import { KestrelClientError } from "../errors.ts";
import { resolveBackoff } from "../options.ts";
import type { QueueNames } from "../queue-name.ts";

/**
 * Put the item again, at the end of a queue, until it has been tried often enough. It is put first and confirmed
 * then, so it is never lost; it may come twice if the connection breaks in between. Its expiry is not kept.
 */
export interface RetryPolicy {
  /** Where it is put again. Default: the queue that it came from. Another one is read by the consumer too. */
  readonly retryQueue?: string;
  /** How often the handler gets the item in all, up to 256. Default 5. */
  readonly maxAttempts?: number;
  /** Where it is put after the last attempt. Default: nowhere, it is dropped. */
  readonly deadLetterQueue?: string;
  /**
   * How long an item that failed is kept before it is put again, in milliseconds: minMs after the first
   * attempt, longer after each. One of the consumer's handlers counts as busy meanwhile. Default: 100 ms to 5 s.
   */
  readonly backoff?: Partial<BackoffOptions>;
}

/**
 * - `"abort"`: the item goes back to its old place, and is the next one to be handed out, to whomever. After a
 *   pause that grows with each failure in a row, so that an item nobody can handle doesn't run hot.
 * - `"drop"`: the item is gone.
 * - a RetryPolicy.
 */
export type FailurePolicy = "abort" | "drop" | RetryPolicy;

/** A policy with its defaults, and queues by their names on the nodes. */
export interface ResolvedFailurePolicy {
  readonly action: "abort" | "drop" | "retry";
  readonly retryQueue: string | undefined;
  readonly maxAttempts: number;
  readonly deadLetterQueue: string | undefined;
  readonly backoff: BackoffOptions;
}

const BACKOFF: BackoffOptions = { minMs: 100, maxMs: 5_000, factor: 2, jitter: 0.5 };
const ATTEMPTS_MAX = 256;

/** Fills in the defaults. Throws `bad-request` when something makes no sense. */
export function resolveFailurePolicy(
  policy: FailurePolicy | undefined,
  names: QueueNames,
): ResolvedFailurePolicy {
  if (typeof policy !== "object") {
    const action = policy ?? "abort";
    if (action !== "abort" && action !== "drop") {
      throw new KestrelClientError(
        "bad-request",
        `onFailure must be "abort", "drop" or a policy, not ${action}`,
      );
    }
    const never = { retryQueue: undefined, maxAttempts: 1, deadLetterQueue: undefined };
    return { action, ...never, backoff: BACKOFF };
  }
  const { retryQueue, maxAttempts = 5, deadLetterQueue, backoff } = policy;
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || maxAttempts > ATTEMPTS_MAX) {
    throw new KestrelClientError(
      "bad-request",
      `maxAttempts must be 1 to ${ATTEMPTS_MAX}, not ${maxAttempts}`,
    );
  }
  return {
    action: "retry",
    retryQueue: retryQueue === undefined ? undefined : names.forNodes(retryQueue),
    maxAttempts,
    deadLetterQueue: deadLetterQueue === undefined ? undefined : names.forNodes(deadLetterQueue),
    backoff: resolveBackoff("backoff", { ...BACKOFF, ...backoff }),
  };
}
