import { afterEach, expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";
import { browse, findHeadTime } from "./browse.ts";

let node: TestNode;
afterEach(() => node.stop());

const textsOf = (name: string, lengthMax = 100): string[] =>
  browse(node.queue(name).reader, lengthMax, 1000).items.map(({ data }) => data.toString());

test("shows what is there, in the order it would come, and changes nothing", async () => {
  node = await TestNode.start();
  for (const text of ["one", "two", "three", "four"]) node.put("jobs", text);
  await node.get("jobs");
  const opened = (await node.get("jobs", "open"))!;
  expect(textsOf("jobs")).toEqual(["three", "four"]);
  node.queue("jobs").abort(opened.id);
  expect(textsOf("jobs")).toEqual(["two", "three", "four"]);
  expect(textsOf("jobs", 1)).toEqual(["two"]);
  const before = node.queues.stats("jobs");
  expect(
    browse(node.queue("jobs").reader, 2, 2).items.map(({ data, size }) => [data.toString(), size]),
  ).toEqual([
    ["tw", 3],
    ["th", 5],
  ]);
  expect(node.queues.stats("jobs")).toEqual(before);
  expect(await node.drain("jobs")).toEqual(["two", "three", "four"]);
  expect(textsOf("jobs")).toEqual([]);
});

test("tells flags, times and expiry", async () => {
  node = await TestNode.start();
  const now = node.clock.now();
  node.queues.put("jobs", Buffer.from("x"), 0, 1, 77, now + 5000);
  const [item] = browse(node.queue("jobs").reader, 1, 10).items;
  expect(item).toMatchObject({ id: 1, flags: 77, addTimeMs: now, expiryMs: now + 5000, size: 1 });
});

test("a fanout shows its own items", async () => {
  node = await TestNode.start();
  node.put("orders", "before");
  node.queues.obtain("orders+audit");
  node.put("orders", "both");
  node.put("orders+audit", "audit only");
  expect(textsOf("orders")).toEqual(["before", "both"]);
  expect(textsOf("orders+audit")).toEqual(["both", "audit only"]);
});

test("says where memory ends, and reads nothing from the file", async () => {
  node = await TestNode.start({ default: { maxMemorySizeBytes: 1 } });
  const text = "x".repeat(1000);
  for (let index = 0; index < 3000; index++) node.put("deep", `${index} ${text}`);
  const { reader } = node.queue("deep");
  const { items, isCut } = browse(reader, 100_000, 10);
  expect(isCut).toBe(true);
  expect(items.length).toBeGreaterThan(0);
  expect(items.length).toBeLessThan(3000);
  expect(items[0]!.data.toString()).toMatch(/^0 x/);
  expect((await node.get("deep"))!.text).toMatch(/^0 x/);
});

test("the time of the head", async () => {
  node = await TestNode.start();
  node.queues.obtain("jobs");
  expect(findHeadTime(node.queue("jobs").reader)).toBeUndefined();
  const putMs = node.clock.now();
  node.put("jobs", "first");
  node.clock.advance(3000);
  node.put("jobs", "second");
  expect(findHeadTime(node.queue("jobs").reader)).toBe(putMs);
  const opened = (await node.get("jobs", "open"))!;
  expect(findHeadTime(node.queue("jobs").reader)).toBe(putMs + 3000);
  node.queue("jobs").abort(opened.id);
  expect(findHeadTime(node.queue("jobs").reader)).toBe(putMs);
});
