/**
 * All queues by name: what a put tells of its item, reading on a disk that has no room for another
 * journal, and the regular look at many of them.
 */
import { expect, test } from "vitest";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";

test("a put tells its item's id, where there is one", async () => {
  const node = await TestNode.start({
    queues: [["parent", { fanoutOnly: true }]],
    aliases: [["both", ["a", "b"]]],
  });
  const idOfPut = (name: string): number => {
    expect(node.put(name, "item")).toBe("kept");
    return node.queues.lastPutId;
  };
  expect([idOfPut("a"), idOfPut("a"), idOfPut("b")]).toEqual([1, 2, 1]);
  expect(idOfPut("both")).toBe(0);
  expect(idOfPut("parent")).toBe(0);
  node.queues.obtain("parent+x");
  expect(idOfPut("parent")).toBe(1);
  expect(await node.get("parent+x")).toMatchObject({ id: 1 });
  await node.stop();
});

/** A node on a disk that takes no new files until `relieve` is called. */
async function nodeOnFullDisk(): Promise<{ node: TestNode; relieve: () => void }> {
  const node = await TestNode.start();
  node.disk.fault = (operation, file) => {
    if (operation === "create") throw systemError("ENOSPC", file);
  };
  return {
    node,
    relieve: () => {
      node.disk.fault = () => {};
    },
  };
}

test("a queue that the disk has no room for reads as empty, and takes no puts", async () => {
  const { node } = await nodeOnFullDisk();
  expect(await node.get("new")).toBeNull();
  expect(await node.get("new", "open")).toBeNull();
  expect(() => node.put("new", "item")).toThrow("no space left");
  expect(
    node.log.having("no journal for a queue that is read: it reads as empty until there is one"),
  ).toHaveLength(1);
  expect(node.queues.names()).toEqual([]);
  expect(() => node.queues.obtain("bad/name")).toThrow("has none of");
  await node.stop();
});

test("once there is room it comes into being, and who waits for it hears so", async () => {
  const { node, relieve } = await nodeOnFullDisk();
  const misses: string[] = [];
  const waitIn = (name: string): void => {
    const receiver = { receive: () => {}, miss: () => misses.push(name) };
    node.queues.obtain(name).get("take", node.clock.now() + 60_000, receiver);
  };
  waitIn("swept");
  waitIn("put+fanout");
  waitIn("put+other");
  node.queues.sweep();
  expect([misses, node.queues.names()]).toEqual([[], []]);
  relieve();
  node.put("put", "item");
  expect([misses, node.queues.names()]).toEqual([
    ["put+fanout", "put+other"],
    ["put", "put+fanout", "put+other"],
  ]);
  for (const fanout of ["put+fanout", "put+other"]) {
    expect(await node.get(fanout)).toMatchObject({ text: "item" });
  }
  expect(node.queues.counters.creates).toBe(3);
  node.queues.sweep();
  expect(misses).toEqual(["put+fanout", "put+other", "swept"]);
  expect(node.queues.names()).toContain("swept");
  await node.stop();
});

test("one that is deleted meanwhile is wanted no more", async () => {
  const { node, relieve } = await nodeOnFullDisk();
  await node.get("new");
  node.queues.delete("new");
  relieve();
  node.queues.sweep();
  expect(node.queues.names()).toEqual([]);
  await node.stop();
});

test("of many empty queues only some begin new files in one look, and all in the end", async () => {
  const node = await TestNode.start();
  const names = Array.from({ length: 250 }, (_, number) => `q${number}`);
  for (const name of names) {
    node.put(name, "item");
    await node.get(name);
  }
  const shrunk = (): number => names.filter((name) => node.queue(name).family.log.rotations > 0).length;
  node.queues.sweep();
  expect(shrunk()).toBe(0);
  const steps = [1, 2, 3].map(() => {
    node.queues.sweep();
    return shrunk();
  });
  expect(steps).toEqual([100, 200, 250]);
  await node.stop();
});
