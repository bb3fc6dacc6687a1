// What a client tells those who listen.

import type { ItemFailure, UnconfirmedItem } from "./consumer/consumer.ts";
import type { KestrelClientError } from "./errors.ts";

/** The events of a KestrelClusterClient, and what listeners are given. */
export interface ClusterEvents {
  /** A node can't be reached, or stopped answering. It is left out, and tried again by and by. */
  "node:down": [{ readonly node: string; readonly error: KestrelClientError }];
  /** A node that was down answers again. */
  "node:up": [{ readonly node: string }];
  /** A node was let in. */
  "node:added": [{ readonly node: string }];
  /** A node is gone for good. If it isn't empty, items of queues that were read here may be left there. */
  "node:removed": [{ readonly node: string; readonly isEmpty: boolean }];
  /**
   * A name in DNS or ZooKeeper could not be looked up, or only in part, or has no nodes. Those it had last stay, and it
   * is looked up again soon. `server` is the name as it stands among the servers, without credentials.
   */
  "discovery:error": [{ readonly server: string; readonly error: Error }];
  /** A consumer's handler threw. Without a listener, a warning of the process tells it once per client. */
  "item:failed": [ItemFailure];
  /** A consumer or loop could not confirm an item that it has handled: it may or will come again. */
  "item:unconfirmed": [UnconfirmedItem];
}
