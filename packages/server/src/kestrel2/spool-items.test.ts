import { expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";
import { itemsOf } from "./spool-items.ts";

async function textsOf(node: TestNode, name: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { data } of itemsOf(node.queue(name))) texts.push(data.toString());
  return texts;
}

test("items that are waiting, open and put back, from the oldest on; none is taken", async () => {
  const node = await TestNode.start();
  for (const text of ["a", "b", "c", "d"]) node.put("q", text);
  await node.get("q", "take");
  await node.get("q", "open");
  const opened = await node.get("q", "open");
  node.queue("q").abort(opened!.id);
  expect(await textsOf(node, "q")).toEqual(["b", "c", "d"]);
  expect(await textsOf(node, "q")).toEqual(["b", "c", "d"]);
  expect(await node.get("q")).toMatchObject({ text: "c" });
  await node.stop();
});

test("an open item far behind, whose bytes are in the file only", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 20_000, maxMemorySizeBytes: 1 } });
  for (let i = 0; i < 300; i++) node.put("q", String(i).padStart(1000, "-"));
  await node.get("q", "open");
  for (let i = 1; i < 200; i++) await node.get("q", "take");
  const expected = [0, ...Array.from({ length: 100 }, (_, i) => 200 + i)];
  expect((await textsOf(node, "q")).map((text) => Number(text.replaceAll("-", "")))).toEqual(expected);
  const restarted = await node.afterKill();
  expect(await textsOf(restarted, "q")).toHaveLength(101);
  await restarted.stop();
});

test("a queue without items, and a fanout", async () => {
  const node = await TestNode.start();
  node.put("q", "a");
  node.queues.obtain("q+x");
  node.put("q", "b");
  await node.get("q", "take");
  await node.get("q", "take");
  expect(await textsOf(node, "q")).toEqual([]);
  expect(await textsOf(node, "q+x")).toEqual(["b"]);
  await node.stop();
});
