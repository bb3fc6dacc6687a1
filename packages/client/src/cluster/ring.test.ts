import fc from "fast-check";
import { expect, test } from "vitest";
import { Ring } from "./ring.ts";

const names = Array.from({ length: 1_000 }, (_, index) => `queue-${index}`);

function members(...ids: string[]): { id: string; weight: number }[] {
  return ids.map((id) => ({ id, weight: 1 }));
}

function shares(ring: Ring): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) {
    const home = ring.home(name)!;
    counts[home] = (counts[home] ?? 0) + 1;
  }
  return counts;
}

test("a fourth node takes about a quarter of 1,000 names, and no name moves between the old ones", () => {
  const three = new Ring(members("a:1", "b:1", "c:1"));
  const four = new Ring(members("a:1", "b:1", "c:1", "d:1"));
  const moved = names.filter((name) => three.home(name) !== four.home(name));
  expect(moved.length).toBeGreaterThan(180);
  expect(moved.length).toBeLessThan(320);
  expect(moved.every((name) => four.home(name) === "d:1")).toBe(true);
});

test("a node that leaves moves its own names only, each to its first stand-in", () => {
  const four = new Ring(members("a:1", "b:1", "c:1", "d:1"));
  const three = new Ring(members("a:1", "b:1", "d:1"));
  for (const name of names) {
    expect(three.order(name)).toEqual(four.order(name).filter((id) => id !== "c:1"));
  }
});

test("growing moves names to the new node only, at every size", () => {
  // hashring's own weights lose points to rounding when there are 7, 14, 28... members.
  const ids = Array.from({ length: 30 }, (_, index) => `node-${index}:22133`);
  for (let length = 1; length < ids.length; length++) {
    const before = new Ring(members(...ids.slice(0, length)));
    const after = new Ring(members(...ids.slice(0, length + 1)));
    for (const name of names.slice(0, 200)) {
      expect([before.home(name), ids[length]]).toContain(after.home(name));
    }
  }
});

test("weights are shares", () => {
  const counts = shares(
    new Ring([
      { id: "a", weight: 1 },
      { id: "b", weight: 1 },
      { id: "c", weight: 2 },
    ]),
  );
  expect(counts.c! / names.length).toBeGreaterThan(0.4);
  expect(counts.c! / names.length).toBeLessThan(0.6);
});

test("a light node among heavy ones still has a place", () => {
  const heavy = Array.from({ length: 20 }, (_, index) => ({ id: `heavy-${index}`, weight: 100 }));
  const ring = new Ring([...heavy, { id: "light", weight: 0.01 }]);
  expect(ring.order("queue")).toContain("light");
});

test("names and ids that objects know are harmless", () => {
  const ring = new Ring(members("__proto__", "constructor", "7", "1:2:3"));
  const before = Object.getOwnPropertyNames(Object.prototype).length;
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
    expect(ring.order(name)).toHaveLength(4);
    expect(ring.home(name)).toBe(ring.order(name)[0]);
    expect(new Ring(members("other")).home(name)).toBe("other");
  }
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(before);
  expect(Object.keys(Object)).toEqual([]);
});

test("an order names every member once, the home first, and is always the same", () => {
  const ids = ["a:1", "b:1", "c:1", "d:1", "e:1"];
  const ring = new Ring(members(...ids));
  const other = new Ring(members(...ids.toReversed()));
  fc.assert(
    fc.property(fc.string(), (name) => {
      const order = ring.order(name);
      expect(order.toSorted()).toEqual(ids);
      expect(order[0]).toBe(ring.home(name));
      expect(other.order(name)).toEqual(order);
    }),
  );
});

test("an empty ring has no home for anything", () => {
  const ring = new Ring([]);
  expect(ring.home("q")).toBeUndefined();
  expect(ring.order("q")).toEqual([]);
});
