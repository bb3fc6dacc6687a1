import { expect, test } from "vitest";
import { arrange, type ColumnKey, type QueueRow } from "./queue-row.ts";

const row = (name: string, values: Partial<QueueRow> = {}): QueueRow => ({
  name,
  items: 0,
  bytes: 0,
  putRate: 0,
  getRate: 0,
  oldestAtMs: 0,
  openReads: 0,
  waiters: 0,
  memoryBytes: 0,
  journalBytes: 0,
  ...values,
});

const rows = [
  row("b", { items: 5, oldestAtMs: 2000 }),
  row("a", { items: 5 }),
  row("Orders", { items: 50, oldestAtMs: 1000 }),
  row("orders+audit", { items: 7, oldestAtMs: 3000 }),
];

const names = (filter: string, sortBy: ColumnKey, isDescending: boolean): string[] =>
  arrange(rows, { filter, sortBy, isDescending }).map(({ name }) => name);

test("sorted by a figure, those that are alike by name", () => {
  expect(names("", "items", true)).toEqual(["Orders", "orders+audit", "a", "b"]);
  expect(names("", "items", false)).toEqual(["a", "b", "orders+audit", "Orders"]);
});

test("sorted by name", () => {
  expect(names("", "name", false)).toEqual(["Orders", "a", "b", "orders+audit"]);
  expect(names("", "name", true)).toEqual(["orders+audit", "b", "a", "Orders"]);
});

test("the oldest first; queues without items are the youngest", () => {
  expect(names("", "oldestAtMs", true)).toEqual(["Orders", "b", "orders+audit", "a"]);
  expect(names("", "oldestAtMs", false)).toEqual(["a", "orders+audit", "b", "Orders"]);
});

test("filtered by any part of the name, whatever its case", () => {
  expect(names(" oRD ", "name", false)).toEqual(["Orders", "orders+audit"]);
  expect(names("+", "name", false)).toEqual(["orders+audit"]);
  expect(names("nothing", "name", false)).toEqual([]);
});
