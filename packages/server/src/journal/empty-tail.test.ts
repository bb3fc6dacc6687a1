/** Queues that are read as fast as they are written keep little memory, and lose nothing by it. */
import { expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { FakeDisk, systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { emptyTailSizeMax } from "./chunk.ts";

const item = (number: number): string => `${number} `.padEnd(1000, "-");

test("a queue that is empty after each turn keeps a small tail, whatever has passed through", async () => {
  const node = await TestNode.start();
  for (let number = 0; number < 1000; number++) {
    node.put("q", item(number));
    expect((await node.get("q"))?.text).toBe(item(number));
  }
  expect(node.queue("q").reader.log.cache.bytes).toBeLessThanOrEqual(emptyTailSizeMax);
  node.put("q", "kept");
  expect(await (await node.afterKill()).drain("q")).toEqual(["kept"]);
});

test("so does a queue with a fanout; one whose fanout lags keeps what it needs", async () => {
  const node = await TestNode.start();
  node.queues.obtain("q+f");
  const { log } = node.queues.obtain("q").reader;
  for (let number = 0; number < 200; number++) {
    node.put("q", item(number));
    for (const name of ["q", "q+f"]) expect((await node.get(name))?.text).toBe(item(number));
  }
  expect(log.cache.bytes).toBeLessThanOrEqual(emptyTailSizeMax);
  for (let number = 0; number < 100; number++) {
    node.put("q", item(number));
    await node.get("q");
  }
  expect(log.cache.bytes).toBeGreaterThan(100 * 1000);
  expect(await node.drain("q+f")).toEqual(Array.from({ length: 100 }, (_, number) => item(number)));
});

test("open items are what they were, in whatever turn the disk refuses, and wherever the tail was", async () => {
  for (let fails = 20; fails < 60; fails++) {
    const node = await TestNode.start({}, new FakeDisk(), new FakeClock());
    const open: { id: number; text: string }[] = [];
    for (let number = 0; number < fails; number++) {
      node.put("q", item(number));
      open.push((await node.get("q", "open"))!);
    }
    node.disk.fault = (operation, file) => {
      if (operation === "write") throw systemError("EIO", file);
    };
    // Put and got in one turn, which fails: the reader has gone on to where the item was.
    const data = Buffer.from("refused".padEnd(900));
    node.queues.put("q", data, 0, data.length, 0, 0);
    expect((await node.get("q"))?.text).toBe(data.toString());
    node.turn.endNow();
    node.disk.fault = () => {};
    node.clock.advance(1000);
    for (let round = 0; round < 60; round++) await Promise.resolve();
    node.put("q", "last");
    for (const { id } of open) node.queue("q").abort(id);
    expect(await node.drain("q")).toEqual([...open.map(({ text }) => text), "last"]);
    await node.stop();
  }
});
