import { expect, test } from "vitest";
import { Chunk } from "./chunk.ts";
import { OpenPlaces, type Place } from "./open-places.ts";
import { Segment } from "./segment.ts";

const chunk = new Chunk(new Segment(null, "name", 1, 1, 0), 0, 0, 1, 0);
const placeOf = (id: number): Place => ({ id, chunk, at: id, size: 1 });

test("whatever ids are open at a time, each is taken out once, and the others stay", () => {
  const open = new OpenPlaces();
  expect(open.take(1)).toBeUndefined();
  // Far more than there are slots; some stay open for long, so that later ones find theirs taken.
  const stay = new Set([3, 4, 70, 1000]);
  for (let id = 1; id <= 2000; id++) {
    open.add(placeOf(id));
    const oldest = id - 100;
    if (oldest >= 1 && !stay.has(oldest)) {
      expect(open.take(oldest)).toEqual(placeOf(oldest));
      expect(open.take(oldest)).toBeUndefined();
    }
  }
  const left = [...stay, ...Array.from({ length: 100 }, (_, i) => 1901 + i)];
  expect(open.length).toBe(left.length);
  open.move((place) => ({ ...place, at: -place.id }));
  expect(open.sorted()).toEqual(left.map((id) => ({ ...placeOf(id), at: -id })));
  for (const id of left) expect(open.take(id)?.at).toBe(-id);
  expect(open.length).toBe(0);
  expect(open.sorted()).toEqual([]);
});
