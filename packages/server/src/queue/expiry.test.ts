/** Expired items that move, also within one family, and also where the disk refuses. */
import { expect, test } from "vitest";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";

const rules = {
  queues: [
    ["a", { expireToQueue: "a+late" }],
    ["b", { expireToQueue: "late" }],
  ] as const,
};

test("expired items move to a fanout of their own queue, segments rolling meanwhile", async () => {
  const node = await TestNode.start({ ...rules, default: { defaultJournalSizeBytes: 200 } });
  node.queues.obtain("a");
  node.turn.endNow();
  for (let number = 0; number < 20; number++)
    node.put("a", `${number} ${"-".repeat(40)}`, node.clock.now() + 10);
  node.clock.advance(20);
  expect(await node.get("a")).toBe(null);
  node.turn.endNow();
  expect(node.queue("a+late").length).toBe(20);
  expect([node.queue("a").length, node.queue("a").openLength]).toEqual([0, 0]);
  const next = await node.afterKill();
  expect(await next.drain("a")).toEqual([]);
  expect((await next.drain("a+late")).map((text) => text.split(" ")[0])).toEqual(
    Array.from({ length: 20 }, (_, number) => String(number)),
  );
});

test("an expired item that cannot be written where it goes stays, and moves later", async () => {
  const node = await TestNode.start(rules);
  node.queues.obtain("late");
  node.put("b", "item", node.clock.now() + 10);
  node.clock.advance(20);
  node.disk.fault = (operation, file) => {
    if (operation === "write" && file.includes("/late/")) throw systemError("ENOSPC", file);
  };
  expect(await node.get("b")).toBe(null);
  expect([node.queue("b").length, node.queue("b").openLength, node.queue("late").length]).toEqual([1, 0, 0]);
  node.disk.fault = () => {};
  for (let round = 0; round < 4; round++) {
    node.clock.advance(500);
    for (let step = 0; step < 20; step++) await Promise.resolve();
  }
  node.turn.endNow();
  expect([node.queue("b").length, node.queue("late").length]).toEqual([0, 1]);
});

test("a flush drops what is due here, and what has expired goes where it is due", async () => {
  const node = await TestNode.start(rules);
  node.put("b", "expired", node.clock.now() + 10);
  node.put("b", "not yet", node.clock.now() + 30);
  node.clock.advance(20);
  node.queues.flush("b");
  node.turn.endNow();
  expect([node.queue("b").length, node.queue("b").counters.expiredItems]).toEqual([0, 1]);
  expect(await node.drain("late")).toEqual(["expired"]);
});

test("an item's life ends by its own expiry or by the queue's maxAge, whichever comes first", async () => {
  const node = await TestNode.start({ queues: [["q", { maxAgeMs: 900 }]] });
  const put = (text: string, livesMs: number | null): void => {
    expect(node.put("q", text, livesMs === null ? 0 : node.clock.now() + livesMs)).toBe("kept");
  };
  put("own", 500);
  put("both", 5000);
  put("age", null);
  const left = (): string => `${node.queue("q").flushExpired(10)} gone, ${node.queue("q").length} left`;
  node.clock.advance(499);
  expect(left()).toBe("0 gone, 3 left");
  node.clock.advance(1);
  expect(left()).toBe("1 gone, 2 left");
  node.clock.advance(399);
  expect(left()).toBe("0 gone, 2 left");
  node.clock.advance(1);
  expect(left()).toBe("2 gone, 0 left");
  expect(node.queue("q").counters.expiredItems).toBe(3);
  await node.stop();
});

test("only the head is looked at, and of a flush no more than it may take", async () => {
  const node = await TestNode.start();
  for (const livesMs of [10, 10, 5000, 10]) node.put("q", "item", node.clock.now() + livesMs);
  node.clock.advance(20);
  expect(node.queue("q").flushExpired(1)).toBe(1);
  expect(node.queue("q").flushExpired(10)).toBe(1);
  expect(node.queue("q").length).toBe(2);
  await node.stop();
});
