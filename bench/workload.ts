/** What is measured: the kinds of load, an order to the load process, and what it reports. */

/** `cycle` is the reliable read: one request confirms the item before and opens the next. */
export type Kind = "put" | "get" | "put+get" | "cycle";

/** The words that a server understands. */
export type Dialect = "memcache" | "resp" | "beanstalk";

/** One row of a table. */
export interface Workload {
  kind: Kind;
  connections: number;
  /** Requests that each connection keeps in flight. */
  depth: number;
}

/** An order to the load process. It ends when either limit is reached, after the answers to all it has sent. */
export interface Job extends Workload {
  host: string;
  port: number;
  dialect: Dialect;
  /** Shared out among the connections; each goes through its own in turn. */
  queues: readonly string[];
  itemBytes: number;
  secondsMax: number;
  operationsMax: number;
  /** Whether the time of each operation is taken. */
  isTimed?: boolean;
  /**
   * Operations a second, sent at their times whether or not answers have come: `depth` is then the most that a
   * connection may have in flight, and an operation's time counts from the moment when it was due.
   */
  pacePerSecond?: number;
}

/** Microseconds that operations took. */
export interface Latencies {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

export interface JobResult {
  operations: number;
  /** Answers to a get that said "nothing there". */
  misses: number;
  seconds: number;
  /** CPU time that the load process took, in seconds: near `seconds`, the load is what limits the figure. */
  loadCpuSeconds: number;
  latencies: Latencies | null;
}

/** Operations of one target under one workload in one round. */
export interface Sample extends JobResult {
  serverCpuSeconds: number | null;
}

export const queueName = "bench";
