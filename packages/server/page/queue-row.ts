/** A queue as the table shows it: what the stream tells of it, in which columns, and in which order. */

export interface QueueRow {
  readonly name: string;
  readonly items: number;
  readonly bytes: number;
  /** Items a second. */
  readonly putRate: number;
  readonly getRate: number;
  /** When the item at the head was put, in ms since the epoch; 0: there is none, or nobody knows. */
  readonly oldestAtMs: number;
  readonly openReads: number;
  readonly waiters: number;
  readonly memoryBytes: number;
  readonly journalBytes: number;
}

export type ColumnKey = keyof QueueRow;

export const columnKeys: readonly ColumnKey[] = [
  "name",
  "items",
  "bytes",
  "putRate",
  "getRate",
  "oldestAtMs",
  "openReads",
  "waiters",
  "memoryBytes",
  "journalBytes",
];

/** The rows whose name has the filter in it, whatever its case, sorted; queues that are alike go by their name. */
export function arrange(
  rows: Iterable<QueueRow>,
  { filter, sortBy, isDescending }: { filter: string; sortBy: ColumnKey; isDescending: boolean },
): QueueRow[] {
  const wanted = filter.trim().toLowerCase();
  const found =
    wanted === "" ? [...rows] : [...rows].filter(({ name }) => name.toLowerCase().includes(wanted));
  const sign = isDescending ? -1 : 1;
  return found.sort((a, b) => sign * compareBy(sortBy, a, b) || compareNames(a, b));
}

function compareBy(key: ColumnKey, a: QueueRow, b: QueueRow): number {
  if (key === "name") return compareNames(a, b);
  // The larger age is the smaller moment; without an item there is none.
  if (key === "oldestAtMs") return ageRank(b) - ageRank(a);
  return a[key] - b[key];
}

function ageRank({ oldestAtMs }: QueueRow): number {
  return oldestAtMs === 0 ? Number.MAX_SAFE_INTEGER : oldestAtMs;
}

function compareNames(a: QueueRow, b: QueueRow): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
