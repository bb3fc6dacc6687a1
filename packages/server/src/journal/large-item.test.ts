/** Large items: memory that is given away is kept as it is, and nobody else's ever changes. */
import { expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";
import { allocateLargeItem, largeItemBytes, largeItemStart } from "./large-item.ts";

const size = 2 * largeItemBytes;

function largeItem(fill: string): Buffer {
  const memory = allocateLargeItem(size);
  memory.fill(fill, largeItemStart, largeItemStart + size);
  return memory;
}

function put(node: TestNode, name: string, memory: Buffer, end: number = largeItemStart + size): void {
  node.queues.put(name, memory, largeItemStart, end, 7, 0);
}

test("memory that is given away is kept as it is; put once more, the item is copied", async () => {
  const node = await TestNode.start({ default: {} });
  const memory = largeItem("a");
  put(node, "q", memory);
  put(node, "q", memory);
  node.put("q", "small");
  node.turn.endNow();
  const tail = node.queue("q").reader.log.segments[0]!.chunks;
  expect(tail.filter((chunk) => chunk.buffer?.buffer === memory.buffer).length).toBe(1);
  const item = "a".repeat(size);
  expect(await node.drain("q")).toEqual([item, item, "small"]);
});

test("a part of such memory is copied, so that its owner may go on writing", async () => {
  const node = await TestNode.start({ default: {} });
  const memory = largeItem("a");
  put(node, "q", memory, largeItemStart + size - 1);
  memory.fill("b");
  node.turn.endNow();
  expect(await node.drain("q")).toEqual(["a".repeat(size - 1)]);
});

test("large items between small ones are the same after a restart, each in a chunk of its own", async () => {
  const node = await TestNode.start({ default: {} });
  node.put("q", "first");
  put(node, "q", largeItem("a"));
  put(node, "q", largeItem("b"));
  node.put("q", "last");
  node.turn.endNow();
  const chunks = node.queue("q").reader.log.segments[0]!.chunks;
  expect(chunks.map(({ size: used }) => used > size)).toEqual([false, true, true]);
  const after = await node.afterKill();
  expect(await after.drain("q")).toEqual(["first", "a".repeat(size), "b".repeat(size), "last"]);
});
