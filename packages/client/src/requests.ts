// What users ask for, checked, with defaults, and with the names of queues as nodes have them.

import type { GetOptions, PutOptions } from "./call-options.ts";
import type { PutTarget } from "./cluster/puts.ts";
import type { ReadRequest } from "./cluster/reads.ts";
import { KestrelClientError } from "./errors.ts";
import { wireExpiry } from "./expiry.ts";
import { itemFlagsOf } from "./item-data.ts";
import type { ResolvedOptions } from "./options.ts";
import type { QueueNames } from "./queue-name.ts";
import { allowManyListeners } from "./signals.ts";

/** What is stored beside an item's data. */
export interface Label {
  readonly flags: number;
  readonly expiry: number;
}

export class Requests {
  readonly #names: QueueNames;
  readonly #isHashed: boolean;

  constructor(names: QueueNames, { strategy }: ResolvedOptions) {
    this.#names = names;
    this.#isHashed = strategy === "hash";
  }

  /** Where to put. Throws `bad-request`. */
  putTarget(queue: string, { key, orderedOnly = false, wait, signal }: PutOptions): PutTarget {
    allowManyListeners(signal);
    return {
      queue: this.#names.forNodes(queue),
      key,
      orderedOnly: orderedOnly && (key !== undefined || this.#isHashed),
      waitMs: waitMsOf(wait),
      signal,
    };
  }

  /** Throws `bad-request`. */
  label({ flags, expires }: PutOptions): Label {
    return { flags: itemFlagsOf(flags), expiry: wireExpiry(expires) };
  }

  /** What to read. Throws `bad-request`. */
  read(queue: string, { wait, partial = "error", signal }: GetOptions): ReadRequest {
    allowManyListeners(signal);
    return { queue: this.#names.forNodes(queue), waitMs: waitMsOf(wait), partial, signal };
  }
}

function waitMsOf(wait = 0): number {
  if (wait >= 0) return wait;
  throw new KestrelClientError("bad-request", `wait must be 0 or more milliseconds, not ${wait}`);
}
