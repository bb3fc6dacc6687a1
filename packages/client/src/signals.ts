// AbortSignals that many calls listen to.

import { setMaxListeners } from "node:events";

/** For a signal that is given to any number of calls: Node takes more than ten listeners for a leak, and warns. */
export function allowManyListeners(signal: AbortSignal | undefined): void {
  if (signal !== undefined) setMaxListeners(0, signal);
}
