/** An order to a process with one client, and what it reports. */

import type { TransportName } from "@kestrel-mq/client";

export interface ClientJob {
  /** `memjs`: that alone, which carries the client's memcache traffic. */
  transport: TransportName | "memjs";
  port: number;
  kind: "put" | "putMany" | "getMany";
  /** Calls in flight at the same time. */
  depth: number;
  /** Items of one call; 1 for those that take one. */
  batchLength: number;
  itemBytes: number;
  /** It ends when either limit is reached. */
  seconds: number;
  itemsMax: number;
}

export interface ClientResult {
  items: number;
  seconds: number;
  /** CPU time that the client's process took. */
  cpuSeconds: number;
}
