/** What is measured: kinds of load, the form of its requests, and the targets that each figure has to meet. */

export type Kind = "put" | "get" | "put+get";

/** One row of the table. */
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
  queue: string;
  itemBytes: number;
  secondsMax: number;
  operationsMax: number;
}

export interface JobResult {
  operations: number;
  /** Answers to a get that said "nothing there". */
  misses: number;
  seconds: number;
  /** CPU time that the load process took, in seconds: near `seconds`, the load is what limits the figure. */
  loadCpuSeconds: number;
}

/** Operations a second of one target under one workload in one round. */
export interface Sample extends JobResult {
  serverCpuSeconds: number | null;
}

export const queueName = "bench";

/** The workloads of the default run. */
export const defaultWorkloads: readonly Workload[] = [
  { kind: "put", connections: 100, depth: 1 },
  { kind: "get", connections: 100, depth: 1 },
  { kind: "put+get", connections: 100, depth: 1 },
  { kind: "put", connections: 10, depth: 32 },
  { kind: "get", connections: 10, depth: 32 },
  { kind: "put+get", connections: 10, depth: 32 },
];

/** With one request in flight a node has to reach this share of the bare responder's figure. */
export const shareOfBareMin: Partial<Record<Kind, number>> = { put: 0.8, get: 0.85 };

/** With many in flight it has to reach either of these. */
export const pipelined: { operationsMin: number; timesUnpipelinedMin: number } = {
  operationsMin: 300_000,
  timesUnpipelinedMin: 3,
};

/** The bytes on the wire of one request of each kind and of its answer. */
export interface WireForm {
  putRequest: Buffer;
  getRequest: Buffer;
  putAnswer: Buffer;
  getAnswer: Buffer;
  missAnswer: Buffer;
}

export function wireForm(queue: string, itemBytes: number): WireForm {
  const item = Buffer.alloc(itemBytes, "kestrel ");
  return {
    putRequest: Buffer.concat([Buffer.from(`set ${queue} 0 0 ${itemBytes}\r\n`), item, Buffer.from("\r\n")]),
    getRequest: Buffer.from(`get ${queue}\r\n`),
    putAnswer: Buffer.from("STORED\r\n"),
    getAnswer: Buffer.concat([
      Buffer.from(`VALUE ${queue} 0 ${itemBytes}\r\n`),
      item,
      Buffer.from("\r\nEND\r\n"),
    ]),
    missAnswer: Buffer.from("END\r\n"),
  };
}
