/** What a reader's next done record says. */
import { expect, test } from "vitest";
import { viewOf } from "./bytes.ts";
import { decodeRecords, doneHeadSize, doneRangeSize } from "./record.ts";
import { TurnDone } from "./turn-done.ts";

function recordOf(done: TurnDone): object {
  const buffer = Buffer.alloc(doneHeadSize + done.rangeCount * doneRangeSize);
  done.encode(viewOf(buffer), 0, 3);
  const [first] = decodeRecords(buffer, viewOf(buffer), 0, buffer.length);
  return first!.record;
}

test("ids that follow each other share a range", () => {
  const done = new TurnDone();
  for (const id of [7, 8, 9, 4, 5]) done.add(id, 10);
  expect(done.rangeCount).toBe(2);
  expect(recordOf(done)).toMatchObject({
    reader: 3,
    items: 5,
    bytes: 50,
    ranges: [
      [7, 10],
      [4, 6],
    ],
  });
});

test("a range longer than a record can tell of is told in two", () => {
  const done = new TurnDone();
  done.addRange(1, 0xffff_ffff + 11);
  done.count(3, 30);
  expect(done.rangeCount).toBe(2);
  expect(recordOf(done)).toMatchObject({ items: 3, bytes: 30 });
});

test("what a failed turn has put is forgotten, the rest is still owed", () => {
  const done = new TurnDone();
  done.add(2, 10);
  for (const id of [10, 11, 12]) done.add(id, 10);
  done.cutFrom(11);
  done.count(-2, -20);
  expect(done.rangeCount).toBe(2);
  expect(recordOf(done)).toMatchObject({
    items: 2,
    bytes: 20,
    ranges: [
      [2, 3],
      [10, 11],
    ],
  });
});

test("nothing is left after it was written", () => {
  const done = new TurnDone();
  done.add(1, 1);
  done.clear();
  expect(done.rangeCount).toBe(0);
});
