/** Memory is used again, and nobody is ever shown what has been written over. */
import { expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { FakeDisk } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { chunkSizeMax } from "./chunk.ts";
import { ChunkMemory } from "./chunk-memory.ts";

test("what was taken is had again; nothing else is, and nothing twice", () => {
  const memory = new ChunkMemory(chunkSizeMax);
  const taken = memory.take();
  memory.giveBack(Buffer.alloc(chunkSizeMax));
  memory.giveBack(taken);
  memory.giveBack(taken);
  expect(memory.take()).toBe(taken);
  expect(memory.take()).not.toBe(taken);
});

test.each([
  ["in files", true],
  ["in memory", false],
])("queues %s that fill and empty side by side give what was put", async (_, keepJournal) => {
  const node = await TestNode.start({ default: { keepJournal } });
  const item = (name: string, number: number): string => `${name} ${number} `.repeat(100);
  const got: Record<string, string[]> = { a: [], b: [] };
  const wanted: Record<string, string[]> = { a: [], b: [] };
  for (let number = 0; number < 3000; number++) {
    for (const name of ["a", "b"]) {
      node.put(name, item(name, number));
      wanted[name]!.push(item(name, number));
      // One queue runs behind by a chunk or two, the other is emptied at once.
      if (name === "b" || number > 600) got[name]!.push((await node.get(name))!.text);
    }
  }
  for (const name of ["a", "b"]) got[name]!.push(...(await node.drain(name)));
  expect(got).toEqual(wanted);
});

test("items that expire into another queue are what they were", async () => {
  const node = await TestNode.start({ default: {}, queues: [["late", { expireToQueue: "kept" }]] });
  const items = Array.from({ length: 2000 }, (_, number) => `${number} `.repeat(150));
  for (const text of items) node.put("late", text, node.clock.now() + 1000);
  node.clock.advance(2000);
  node.queues.sweep();
  node.turn.endNow();
  node.queues.sweep();
  node.turn.endNow();
  expect(await node.drain("kept")).toEqual(items);
});

test("beyond the server's limit a queue keeps what is read next and what is written, and gives all that was put", async () => {
  const mebibyte = 1024 * 1024;
  const node = await TestNode.start({}, new FakeDisk(), new FakeClock(), mebibyte);
  const names = ["a", "b", "c", "d"];
  const items = Array.from({ length: 2 * 1024 }, (_, number) => `${number} `.padEnd(1000, "."));
  for (const text of items) for (const name of names) node.put(name, text);
  const inMemory = (): number =>
    names.reduce((sum, name) => sum + node.queue(name).reader.log.cache.bytes, 0);
  expect(inMemory()).toBeLessThanOrEqual(names.length * 3 * chunkSizeMax);
  for (const text of items.slice(0, 1024)) {
    for (const name of names) expect((await node.get(name))?.text).toBe(text);
  }
  expect(inMemory()).toBeLessThanOrEqual(names.length * 4 * chunkSizeMax);
  for (const name of names) expect(await node.drain(name)).toEqual(items.slice(1024));
  await node.stop();
});
