/**
 * How rows of queues are put in order and shown; shared by the commands that list queues.
 */
import { renderDurationMs } from "../arguments/duration.ts";
import { renderBytes } from "../arguments/size.ts";
import type { Column } from "../terminal/output.ts";
import type { QueueRow } from "./queue-list.ts";

export const sortKeys = ["name", "items", "bytes", "memory", "age", "in", "out"] as const;
export type SortKey = (typeof sortKeys)[number];

const keyOf: Record<Exclude<SortKey, "name">, (row: QueueRow) => number> = {
  items: (row) => row.items,
  bytes: (row) => row.bytes,
  memory: (row) => row.memoryBytes,
  age: (row) => row.maxAgeMs,
  in: (row) => row.inPerSecond ?? 0,
  out: (row) => row.outPerSecond ?? 0,
};

/** By name ascending, by figures greatest first; at most `top` of them. */
export function sortRows(rows: readonly QueueRow[], key: SortKey, top: number): QueueRow[] {
  const byName = [...rows].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (key !== "name") byName.sort((a, b) => keyOf[key](b) - keyOf[key](a));
  return byName.slice(0, top);
}

/** `nameTitle` heads the first column: "queue" or "node". Rates have columns only when they are known. */
export function queueColumns(nameTitle: string, hasRates: boolean): Column<QueueRow>[] {
  const columns: Column<QueueRow>[] = [
    { title: nameTitle, value: (row) => row.name },
    figure("items", (row) => row.items, counted),
    figure("bytes", (row) => row.bytes, renderBytes),
    figure("memory", (row) => row.memoryBytes, renderBytes),
    figure("min-age", (row) => row.minAgeMs, renderDurationMs),
    figure("max-age", (row) => row.maxAgeMs, renderDurationMs),
    figure("open", (row) => row.openReads, counted),
    figure("waiters", (row) => row.waiters, counted),
  ];
  if (hasRates)
    columns.push(
      rate("in/s", (row) => row.inPerSecond),
      rate("out/s", (row) => row.outPerSecond),
    );
  return columns;
}

function figure(
  title: string,
  value: (row: QueueRow) => number,
  show: (value: number) => string,
): Column<QueueRow> {
  return { title, align: "right", value, show: (row) => show(value(row)) };
}

function rate(title: string, value: (row: QueueRow) => number | null): Column<QueueRow> {
  return {
    title,
    align: "right",
    value: (row) => round(value(row)),
    show: (row) => (value(row) === null ? "-" : counted(round(value(row))!)),
  };
}

/** Tenths matter only for slow queues. */
function round(perSecond: number | null): number | null {
  if (perSecond === null) return null;
  return perSecond < 10 ? Math.round(perSecond * 10) / 10 : Math.round(perSecond);
}

function counted(value: number): string {
  return value.toLocaleString("en");
}
