/** What the admin port needs of its server. */
import type { Logger } from "../logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { SessionHost } from "../session/session.ts";
import type { Announcer } from "../zookeeper/announcer.ts";

export interface AdminHost extends SessionHost {
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** For people, to tell nodes apart: host and port. */
  readonly name: string;
  /** How it goes with ZooKeeper; null: the node isn't announced there. */
  readonly announcer: Pick<Announcer, "state"> | null;
  /** Queues that `/metrics` lists, at most. */
  readonly metricsQueuesMax: number;
}
