import { afterEach, beforeEach, expect, test } from "vitest";
import type { Queue } from "../queue/queue.ts";
import { TestNode } from "../testing/node.ts";
import { Borrower, LentReads } from "./lent-reads.ts";

let node: TestNode;
let queue: Queue;
let reads: LentReads;

beforeEach(async () => {
  node = await TestNode.start();
  for (const text of ["a", "b", "c"]) node.put("q", text);
  queue = node.queue("q");
  reads = new LentReads(node.clock);
});

afterEach(() => node.stop());

/** Opens so many items and lends them. */
async function lend(
  length: number,
  lendMs: number,
  borrower = new Borrower(),
  endsWithSession = false,
): Promise<number> {
  const ids: number[] = [];
  for (let i = 0; i < length; i++) ids.push((await node.get("q", "open"))!.id);
  return reads.lend(queue, ids, { lendMs, endsWithSession }, borrower);
}

test("an id from before a restart closes nothing", async () => {
  const before = await lend(2, 60_000);
  node.clock.advance(5);
  const after = await node.afterKill();
  const readsAfter = new LentReads(node.clock);
  const { id } = (await after.get("q", "open"))!;
  const lent = readsAfter.lend(
    after.queue("q"),
    [id],
    { lendMs: 60_000, endsWithSession: false },
    new Borrower(),
  );
  expect(lent).toBeGreaterThan(before + 1);
  expect([readsAfter.confirm(before), readsAfter.abort(before + 1)]).toEqual([false, false]);
  expect(readsAfter.confirm(lent)).not.toBe(false);
  await after.stop();
});

test("items lent together go back together, in order, but for those that were closed", async () => {
  const borrower = new Borrower();
  const first = await lend(3, 1000, borrower);
  expect(borrower.lengthOf(queue)).toBe(3);
  expect(reads.confirm(first + 1)).not.toBe(false);
  node.clock.advance(1000);
  expect(await node.drain("q")).toEqual(["a", "c"]);
  expect(borrower.lengthOf(queue)).toBe(0);
});

test("no time is kept of what was closed", async () => {
  const first = await lend(2, 1000);
  reads.abort(first);
  reads.confirm(first + 1);
  expect(await lend(1, 5000)).toBe(first + 2);
  node.clock.advance(1000);
  expect(queue.openLength).toBe(1);
  node.clock.advance(4000);
  expect(queue.openLength).toBe(0);
});

test("an item that went back by the queue's own rule is not closed a second time", async () => {
  const first = await lend(1, 1000);
  queue.abort((await node.get("q", "peek"))!.id - 1);
  expect([reads.confirm(first), queue.length]).toEqual([false, 3]);
});

test("what is bound to its borrower goes back with it, and the rest stays lent", async () => {
  const borrower = new Borrower();
  await lend(1, 1000, borrower);
  const bound = await lend(2, 1000, borrower, true);
  expect(reads.confirm(bound)).not.toBe(false);
  reads.abortBound(borrower);
  expect(await node.drain("q")).toEqual(["c"]);
  node.clock.advance(1000);
  expect(await node.drain("q")).toEqual(["a"]);
});
