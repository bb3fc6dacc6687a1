/** What the admin port needs of its server. */
import type { Logger } from "../logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { SessionHost } from "../session/session.ts";

export interface AdminHost extends SessionHost {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** For people, to tell nodes apart: host and port. */
  readonly name: string;
  /** Queues that `/metrics` lists, at most. */
  readonly metricsQueuesMax: number;
}
