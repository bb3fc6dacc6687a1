import { expect, test } from "vitest";
import type { HistoryAnswer } from "./api.ts";
import { merge } from "./history.ts";

const names = [
  "puts",
  "gets",
  "items",
  "oldestMs",
  "setP50Micros",
  "setP99Micros",
  "deliveryP50Ms",
  "deliveryP99Ms",
];

/** Points whose values are their slots. */
function points(from: number, end: number): HistoryAnswer {
  const values = Array.from({ length: end - from }, (_, index) => from + index);
  const series = Object.fromEntries(names.map((name) => [name, [...values]]));
  return { pointMs: 5000, from, end, series: series as HistoryAnswer["series"] };
}

test("what is new is put behind what there is", () => {
  expect(merge(null, points(5, 8))).toEqual(points(5, 8));
  expect(merge(points(5, 8), points(8, 10))).toEqual(points(5, 10));
  expect(merge(points(5, 8), points(8, 8))).toEqual(points(5, 8));
});

test("it never is more than an hour", () => {
  expect(merge(points(0, 720), points(720, 725))).toEqual(points(5, 725));
});

test("after a gap, or another start of the node, it begins anew", () => {
  expect(merge(points(5, 8), points(700, 730))).toEqual(points(700, 730));
  expect(merge(points(500, 800), points(2, 3))).toEqual(points(2, 3));
  expect(merge({ ...points(0, 0) }, points(7, 9))).toEqual(points(7, 9));
});
