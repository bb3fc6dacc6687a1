// What all connections have in common while they are being made: they come to be, or are given up, by time or by whoever
// wants them.

import { afterHearing } from "./silence-watch.ts";
import { TransportError } from "./transport-error.ts";

/** A connection on its way. */
export interface Connecting {
  /** Begins. `settle` is called once: without an error when the connection is ready. */
  open(settle: (error?: TransportError) => void): void;
  /** Ends it with that reason, if it isn't ready yet. */
  giveUp(cause: Error): void;
}

/**
 * Resolves when the connection is ready. Rejects with what it settled with, which is `aborted` after the signal, and
 * whatever it makes of the time-out after `connectTimeoutMs`.
 */
export async function untilReady(
  connecting: Connecting,
  connectTimeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const abort = (): void => connecting.giveUp(new TransportError("aborted", "aborted while connecting"));
  const isLate = (): void => connecting.giveUp(new Error(`no connection within ${connectTimeoutMs} ms`));
  const timer = setTimeout(() => afterHearing(isLate), connectTimeoutMs);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      connecting.open((error) => (error === undefined ? resolve() : reject(error)));
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
