// Taking one item for good: opened first and confirmed when it has arrived, so that it can't be lost on the way.

import type { FoundRead } from "./cluster/read-outcome.ts";
import { clientErrorOf } from "./errors.ts";
import { TransportError } from "./transport/transport-error.ts";

/** How often to read anew because the item went back before it could be confirmed. */
const ATTEMPTS_MAX = 5;

/** Takes what `open` finds; null when that is nothing. What may have been confirmed is given, lest it is lost. */
export async function takeOne(open: () => Promise<FoundRead | null>): Promise<FoundRead | null> {
  for (let attempt = 1; ; attempt++) {
    const found = await open();
    if (found === null) return null;
    try {
      await found.read.confirm();
      return found;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (error.mayHaveHappened) return found;
      // It has gone back, and nobody has seen it yet: somebody else may get it now, or we.
      if (attempt === ATTEMPTS_MAX) throw clientErrorOf(error, found.node.id);
    }
  }
}
