// Room for somebody else's code around puts and handlers: tracing, above all. What it does can't change what becomes of
// an item: that is decided by the node and by the handler.

import type { PutOutcome } from "./cluster/placement.ts";
import type { ConsumedItem, Handler } from "./consumer/consumer.ts";
import { KestrelClientError } from "./errors.ts";

/** A put that is about to be made. */
export interface PutCall {
  /** The queue's name, without the namespace. */
  readonly queue: string;
  /** What is to be put: your own copy may be passed on in its place, but this must not be changed. */
  readonly data: Buffer;
  /** The partition key, if there is one. */
  readonly key: string | undefined;
}

/**
 * Code around each put and each handler, for spans and the like. `next` does the thing itself, and may be called in a
 * context (AsyncLocalStorage.run, OpenTelemetry's context.with): everything that follows from it happens there.
 *
 * Trace context has to travel in the item's data, since items have no headers: `put` may pass on other data than it
 * was given, and `handle` find there what was added. See examples/tracing.ts.
 */
export interface Instrumentation {
  /**
   * Around put(), and each item of putMany(), which is put by itself then. Not around the puts by which a consumer tries
   * an item again: such an item keeps what it carries. Call next once, at once if the order of puts matters, and return
   * what it gives.
   */
  readonly put?: (call: PutCall, next: (call: PutCall) => Promise<PutOutcome>) => Promise<PutOutcome>;
  /**
   * Around each call of a consumer's handler. Call next once; it rejects with what the handler throws. The item is
   * confirmed or not by the handler's outcome; but if this rejects, or doesn't call next, the item counts as failed.
   * Loops over items() are not known here.
   */
  readonly handle?: (item: ConsumedItem, next: () => Promise<void>) => Promise<void>;
}

/** The handler with the instrumentation around it. */
export function instrumentHandler(handler: Handler, { handle }: Instrumentation): Handler {
  if (handle === undefined) return handler;
  return async (item) => {
    let handling: Promise<void> | undefined;
    const next = (): Promise<void> => {
      handling ??= (async () => void (await handler(item)))();
      return handling;
    };
    await handle(item, next);
    if (handling === undefined) {
      throw new KestrelClientError("bad-request", "the instrumentation has not called the handler");
    }
    // It may have caught what the handler threw.
    await handling;
  };
}
