/**
 * Makes sense of a node's flat list of statistics: those of the server, and those of each queue, which come
 * as `queue_<name>_<stat>`. Names of queues may themselves end in `_items` and the like, so the split is made
 * by the order in which a node lists them: every queue starts with its `items`. (Two queues `x` and `x_total`
 * share the name `queue_x_total_items`; a flat list cannot tell them apart.)
 */
export interface SplitStats {
  server: Map<string, string>;
  queues: Map<string, Map<string, string>>;
}

const queuePrefix = "queue_";
/** What a queue's list starts with: `items`, and `put_items` for an alias. */
const firstStats = ["put_items", "items"] as const;

export function splitStats(stats: ReadonlyMap<string, string>): SplitStats {
  const server = new Map<string, string>();
  const queues = new Map<string, Map<string, string>>();
  let prefix: string | null = null;
  let current = new Map<string, string>();
  for (const [name, value] of stats) {
    if (!name.startsWith(queuePrefix) || isServerStat(name)) {
      server.set(name, value);
      continue;
    }
    const stat: string | undefined =
      prefix !== null && name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
    const isOfCurrent = stat !== undefined && queueStats.has(stat) && !current.has(stat);
    if (isOfCurrent) {
      current.set(stat, value);
      continue;
    }
    const first =
      firstStats.find((candidate) => name.endsWith(`_${candidate}`)) ?? name.slice(name.lastIndexOf("_") + 1);
    const queue = name.slice(queuePrefix.length, name.length - first.length - 1);
    prefix = `${queuePrefix}${queue}_`;
    current = new Map([[first, value]]);
    queues.set(queue, current);
  }
  return { server, queues };
}

function isServerStat(name: string): boolean {
  return name === "queue_creates" || name === "queue_deletes" || name === "queue_expires";
}

/** Statistics of a queue that may be added up over nodes. */
const summable = [
  "items",
  "bytes",
  "total_items",
  "logsize",
  "expired_items",
  "mem_items",
  "mem_bytes",
  "discarded",
  "waiters",
  "open_transactions",
  "transactions",
  "canceled_transactions",
  "total_flushes",
  "journal_rewrites",
  "journal_rotations",
  "put_items",
  "put_bytes",
] as const;

const summableStats: ReadonlySet<string> = new Set(summable);
const queueStats: ReadonlySet<string> = new Set([...summable, "age", "create_time", "children"]);

/** One figure for the cluster: the sum, the greatest age, the earliest creation; null when there is no such figure. */
export function combine(stat: string, values: readonly string[]): string | null {
  if (values.length === 0) return null;
  if (summableStats.has(stat)) return String(values.reduce((sum, value) => sum + Number(value), 0));
  if (stat === "age") return String(Math.max(...values.map(Number)));
  if (stat === "create_time") return String(Math.min(...values.map(Number)));
  if (stat === "children") return [...new Set(values.flatMap((value) => value.split(",")))].sort().join(",");
  return null;
}
