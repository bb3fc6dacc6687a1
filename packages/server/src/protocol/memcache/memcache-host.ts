/** What all memcache connections of a server share. */
import type { Clock } from "../../clock.ts";
import type { ConnectionLimits } from "../limits.ts";
import type { KeyCache } from "./key.ts";

export interface MemcacheHost {
  readonly clock: Clock;
  readonly limits: ConnectionLimits;
  readonly keys: KeyCache;
}
