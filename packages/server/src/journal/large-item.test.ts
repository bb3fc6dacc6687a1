/** Large items: memory that is given away is kept as it is, and nobody else's ever changes. */
import { expect, test } from "vitest";
import { TestNode } from "../testing/node.ts";
import {
  allocateLargeItem,
  allocateReadBack,
  claimLargeItem,
  giveBackLargeItem,
  holdLargeItem,
  largeItemBytes,
  largeItemStart,
  releaseLargeItem,
} from "./large-item.ts";

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

test("what is read back takes about as much memory as it says", () => {
  for (const bytes of [1, 500, 30_000, 70_000, 256 * 1024, 1_000_000])
    expect(allocateReadBack(bytes).buffer.byteLength, `${bytes}`).toBeLessThan(bytes * 2 + 1);
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

test("memory is used again once nobody holds it, and not before", () => {
  const claimed = (): Buffer => claimLargeItem(largeItem("a"), largeItemStart, largeItemStart + size);
  const memory = claimed();
  holdLargeItem(memory);
  releaseLargeItem(memory);
  expect(allocateLargeItem(size).buffer).not.toBe(memory.buffer);
  releaseLargeItem(memory);
  // Somebody who was shown it before the log let it go.
  holdLargeItem(memory);
  expect(allocateLargeItem(size).buffer).not.toBe(memory.buffer);
  releaseLargeItem(memory);
  const again = allocateLargeItem(size);
  expect(again.buffer).toBe(memory.buffer);
  releaseLargeItem(memory);
  expect(allocateLargeItem(size).buffer).not.toBe(memory.buffer);
});

test.each([
  ["in files", true],
  ["in memory", false],
])(
  "items of a queue %s that are held stay what they are while others come and go",
  async (_, keepJournal) => {
    const node = await TestNode.start({ default: { keepJournal } });
    const shown: { data: Buffer; fill: string }[] = [];
    const receiver = { receive: () => {}, miss: () => {} };
    for (let round = 0; round < 100; round++) {
      const fill = String.fromCharCode(97 + (round % 26));
      put(node, "q", largeItem(fill));
      node.turn.endNow();
      const item = node.queue("q").get("take", 0, receiver) as { buffer: Buffer; start: number; end: number };
      const data = item.buffer.subarray(item.start, item.end);
      if (round % 3 > 0) shown.push({ data, fill });
      if (round % 3 > 0) holdLargeItem(data);
      node.turn.endNow();
      if (shown.length < 5) continue;
      const first = shown.shift()!;
      expect(first.data.toString("latin1")).toBe(first.fill.repeat(size));
      releaseLargeItem(first.data);
    }
  },
);

test("an item that was read back and is being sent stays as it is, whatever is read back meanwhile", async () => {
  const node = await TestNode.start({ default: { maxMemorySizeBytes: 1 } });
  // More than is read ahead.
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  for (const letter of letters) put(node, "q", largeItem(letter));
  node.turn.endNow();
  const sent: { letter: string; memory: Buffer; start: number; end: number }[] = [];
  for (const letter of letters) {
    const item = await new Promise<{ buffer: Buffer; start: number; end: number }>((resolve, reject) => {
      const got = node.queues
        .obtain("q")
        .get("take", 0, { receive: resolve, miss: () => reject(new Error()) });
      if (got !== null && "buffer" in got) resolve(got);
    });
    holdLargeItem(item.buffer);
    sent.push({ letter, memory: item.buffer, start: item.start, end: item.end });
    node.turn.endNow();
  }
  for (const { letter, memory, start, end } of sent) {
    expect(memory.toString("latin1", start, end)).toBe(letter.repeat(size));
    releaseLargeItem(memory);
  }
});

test("memory that was outgrown is used again, once it is given back", () => {
  const outgrown = allocateLargeItem(size);
  giveBackLargeItem(outgrown);
  expect(allocateLargeItem(size).buffer).toBe(outgrown.buffer);
  giveBackLargeItem(Buffer.alloc(size));
});
