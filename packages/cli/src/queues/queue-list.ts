/**
 * The queues of a cluster as rows: each queue's figures added up over the nodes, and how fast items go in and
 * out when two looks at it are compared.
 */
import type { Cluster } from "../nodes/cluster.ts";
import { splitStats } from "./queue-stats.ts";

export interface QueueRow {
  /** A queue's name, or a node's when the rows are the nodes of one queue. */
  name: string;
  items: number;
  bytes: number;
  memoryBytes: number;
  /** How long the item that was fetched last had waited, on the node where that was shortest, and longest. */
  minAgeMs: number;
  maxAgeMs: number;
  openReads: number;
  waiters: number;
  /** All items that were ever put. */
  totalItems: number;
  /** Items a second put, and gone (got, expired or dropped); null after one look. */
  inPerSecond: number | null;
  outPerSecond: number | null;
}

/** One look at a cluster. */
export interface QueueLook {
  atMs: number;
  /** Per node and queue. */
  rows: { node: string; row: QueueRow }[];
  failures: { node: string; error: unknown }[];
}

export async function lookAtQueues(cluster: Pick<Cluster, "stats">): Promise<QueueLook> {
  const look: QueueLook = { atMs: Date.now(), rows: [], failures: [] };
  for (const result of await cluster.stats()) {
    if (!result.ok) {
      look.failures.push(result);
      continue;
    }
    for (const [name, stats] of splitStats(result.stats).queues) {
      // An alias holds no items of its own.
      if (stats.has("items")) look.rows.push({ node: result.node, row: rowOf(name, stats) });
    }
  }
  return look;
}

/** A row for each queue; fanouts (`parent+child`) count as their parent when they are rolled up. */
export function rowsByQueue(look: QueueLook, isRolledUp: boolean): QueueRow[] {
  const rows = new Map<string, QueueRow>();
  for (const { row } of look.rows) {
    const name = isRolledUp ? row.name.split("+", 1)[0]! : row.name;
    const known = rows.get(name);
    rows.set(name, known === undefined ? { ...row, name } : added(known, row));
  }
  return [...rows.values()];
}

/** A row for each node that has the queue. */
export function rowsByNode(look: QueueLook, queue: string): QueueRow[] {
  return look.rows.filter(({ row }) => row.name === queue).map(({ node, row }) => ({ ...row, name: node }));
}

/** `now` with the rates since `before`. A queue that has been made anew meanwhile has none. */
export function withRates(
  now: readonly QueueRow[],
  before: readonly QueueRow[],
  elapsedMs: number,
): QueueRow[] {
  const earlier = new Map(before.map((row) => [row.name, row]));
  return now.map((row) => {
    const old = earlier.get(row.name);
    const put = old === undefined ? -1 : row.totalItems - old.totalItems;
    if (old === undefined || put < 0 || elapsedMs <= 0) return row;
    const gone = put - (row.items - old.items);
    return { ...row, inPerSecond: (put * 1000) / elapsedMs, outPerSecond: (gone * 1000) / elapsedMs };
  });
}

function rowOf(name: string, stats: ReadonlyMap<string, string>): QueueRow {
  const figure = (stat: string) => Number(stats.get(stat) ?? 0);
  return {
    name,
    items: figure("items"),
    bytes: figure("bytes"),
    memoryBytes: figure("mem_bytes"),
    minAgeMs: figure("age"),
    maxAgeMs: figure("age"),
    openReads: figure("open_transactions"),
    waiters: figure("waiters"),
    totalItems: figure("total_items"),
    inPerSecond: null,
    outPerSecond: null,
  };
}

function added(one: QueueRow, other: QueueRow): QueueRow {
  return {
    ...one,
    items: one.items + other.items,
    bytes: one.bytes + other.bytes,
    memoryBytes: one.memoryBytes + other.memoryBytes,
    minAgeMs: Math.min(one.minAgeMs, other.minAgeMs),
    maxAgeMs: Math.max(one.maxAgeMs, other.maxAgeMs),
    openReads: one.openReads + other.openReads,
    waiters: one.waiters + other.waiters,
    totalItems: one.totalItems + other.totalItems,
  };
}
