/** Who reads a log. What a turn that fails does to those who came in it is told in disk-trouble.test.ts. */
import { expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";
import type { Log } from "./log.ts";
import { readerNumberMax } from "./record.ts";

async function startWithLog(keepJournal: boolean): Promise<{ node: TestNode; log: Log }> {
  const node = await TestNode.start({ default: { keepJournal } });
  node.put("q", "first");
  return { node, log: node.queue("q").family.log };
}

test("a log begins with one reader, and finds others by the fanouts' names", async () => {
  const { node, log } = await startWithLog(true);
  const x = log.roster.add("x");
  expect(log.roster.find("x")).toBe(x);
  expect(log.roster.find("")).toBe(node.queue("q").reader);
  expect(log.roster.find("y")).toBeUndefined();
  expect(log.readers.map(({ number, name }) => [number, name])).toEqual([
    [0, ""],
    [1, "x"],
  ]);
  await node.stop();
});

test("a reader sees what is put after it came, the same turn's included", async () => {
  const { node, log } = await startWithLog(true);
  node.queues.put("q", Buffer.from("before"), 0, 6, 0, 0);
  const x = log.roster.add("x");
  node.queues.put("q", Buffer.from("after"), 0, 5, 0, 0);
  node.turn.endNow();
  expect(x.items).toBe(1);
  expect(x.find()).toBe("item");
  expect(x.view.buffer.toString("utf8", x.view.start, x.view.end)).toBe("after");
  await node.stop();
});

test("a number comes round again only after all others, and never to two readers at once", async () => {
  const { node, log } = await startWithLog(false);
  const lasting = log.roster.add("lasting");
  const numbers: number[] = [];
  for (let i = 0; i < readerNumberMax; i++) {
    const reader = log.roster.add("passing");
    numbers.push(reader.number);
    log.roster.remove(reader);
    node.turn.endNow();
  }
  const free = readerNumberMax - 2;
  expect(new Set(numbers.slice(0, free)).size).toBe(free);
  expect(numbers).not.toContain(0);
  expect(numbers).not.toContain(lasting.number);
  expect(numbers.slice(free)).toEqual(numbers.slice(0, readerNumberMax - free));
  await node.stop();
});

test("numbers go on after a restart where they had come to, also past readers that are gone", async () => {
  const { node, log } = await startWithLog(true);
  node.queues.obtain("q+x");
  node.queues.obtain("q+y");
  node.turn.endNow();
  node.queues.delete("q+y");
  node.turn.endNow();
  expect(log.readers.map(({ number }) => number)).toEqual([0, 1]);
  const next = await node.afterKill();
  const { roster } = next.queue("q").family.log;
  expect(roster.readers.map(({ number, name }) => [number, name])).toEqual([
    [0, ""],
    [1, "x"],
  ]);
  expect(roster.add("z").number).toBe(3);
  await next.stop();
});

test("segments that only the last reader of them wanted go with it", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 600 } });
  node.queues.obtain("q+x");
  for (let i = 0; i < 8; i++) node.put("q", "-".repeat(500));
  await node.drain("q");
  const before = node.segmentsOf("q").length;
  expect(before).toBeGreaterThan(4);
  const { roster } = node.queue("q").family.log;
  roster.remove(roster.find("x")!);
  node.turn.endNow();
  expect(node.queue("q").family.log.segments.length).toBeLessThan(3);
  await node.stop();
});
