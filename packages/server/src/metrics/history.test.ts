import fc from "fast-check";
import { expect, test } from "vitest";
import { History, type Point, seriesNames } from "./history.ts";

const point = (items: number): Point => ({
  ...(Object.fromEntries(seriesNames.map((name) => [name, 0])) as Point),
  items,
});

test("begins with nothing", () => {
  expect(new History().end).toBe(-1);
});

test("gives the points from a slot on; times without one are gaps", () => {
  const history = new History();
  history.add(100, point(1));
  history.add(101, point(2));
  history.add(104, point(5));
  expect(history.firstFrom(0)).toBe(100);
  expect(history.series("items", 100)).toEqual([1, 2, null, null, 5]);
  expect(history.series("items", 104)).toEqual([5]);
  history.add(101, point(9));
  expect(history.series("items", 100)).toEqual([1, 2, null, null, 5]);
});

test("holds exactly the last hour, whatever comes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 60 }), (steps) => {
      const history = new History();
      const model = new Map<number, number>();
      let slot = 1000;
      history.add(slot, point(slot));
      model.set(slot, slot);
      for (const step of steps) {
        slot += step;
        history.add(slot, point(slot));
        model.set(slot, slot);
      }
      const first = history.firstFrom(0);
      expect(first).toBe(Math.max(1000, slot - 719));
      const expected = Array.from(
        { length: slot + 1 - first },
        (_, index) => model.get(first + index) ?? null,
      );
      expect(history.series("items", first)).toEqual(expected);
    }),
  );
});

test("after a pause of more than an hour it begins anew", () => {
  const history = new History();
  history.add(10, point(1));
  history.add(10_000, point(2));
  expect(history.firstFrom(0)).toBe(10_000);
  expect(history.series("items", 10_000)).toEqual([2]);
});
