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
