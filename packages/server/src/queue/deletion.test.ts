/** What is left of a deleted queue, when the power is lost and when there is soon another of its name. */
import { expect, test, vi } from "vitest";
import type { Receipt } from "../journal/receipt.ts";
import { chanceOf } from "../testing/chance.ts";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { VolatileDisk } from "../testing/volatile-disk.ts";

const rules = { default: { syncJournal: 0, defaultJournalSizeBytes: 600 } } as const;
const large = "-".repeat(700);

async function settle(): Promise<void> {
  for (let round = 0; round < 30; round++) await Promise.resolve();
}

async function startOn(disk: VolatileDisk): Promise<TestNode> {
  disk.isPrompt = true;
  const node = await TestNode.start(rules, disk as never);
  disk.isPrompt = false;
  return node;
}

/** A queue of two segments, of which only the second knows what was finished in the first. */
async function makeQueue(node: TestNode, disk: VolatileDisk): Promise<void> {
  node.put("q", "first");
  node.put("q", large);
  await node.get("q");
  node.put("q", "last");
  await disk.finishAll();
  // The next sync waits a moment for those whom the first one has answered.
  node.clock.advance(100);
  await disk.finishAll();
}

test.each(["a power loss", "a kill and then a power loss"])(
  "a deletion that %s cuts short leaves the queue as it was, or nothing of it",
  async (end) => {
    const outcomes = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      let disk = new VolatileDisk(chanceOf(seed));
      const node = await startOn(disk);
      await makeQueue(node, disk);
      node.queues.delete("q");
      if (end.startsWith("a kill")) {
        disk = disk.afterKill();
        await startOn(disk);
      }
      const next = await startOn(disk.afterPowerLoss("any"));
      outcomes.add(next.queues.names().includes("q") ? (await next.drain("q")).join() : "gone");
    }
    for (const outcome of outcomes) expect(["gone", `${large},last`]).toContain(outcome);
  },
);

test("a deleted queue's folder goes once its new name is on the medium, and not when that fails", async () => {
  const disk = new VolatileDisk(() => 0);
  const node = await startOn(disk);
  await makeQueue(node, disk);
  node.queues.delete("q");
  expect(disk.list("spool/~0")).toHaveLength(2);
  let isBroken = true;
  disk.fault = (operation) => {
    if (isBroken && operation === "sync") throw new Error("no sync");
  };
  await disk.finishAll();
  expect(disk.list("spool/~0")).toHaveLength(2);
  isBroken = false;
  node.clock.advance(1000);
  await disk.finishAll();
  expect(disk.isFolder("spool/~0")).toBe(false);
});

/** A queue whose first segment may go; so many of the syncs and removals that this leads to have been done. */
async function startWithDeadSegment(disk: VolatileDisk, done: number): Promise<TestNode> {
  const node = await startOn(disk);
  node.put("q", large);
  await node.get("q");
  for (let step = 0; step < done; step++) {
    disk.finishOne(0);
    await settle();
    // The next sync waits a moment for those whom the first one has answered.
    node.clock.advance(20);
    await settle();
  }
  return node;
}

test("a new queue keeps its files whatever its namesake still had under way", async () => {
  for (let done = 0; done < 10; done++) {
    const disk = new VolatileDisk(() => 0);
    // Finished files are removed, not kept for another use.
    disk.fault = (operation, file) => {
      if (operation === "rename" && file.endsWith(".log")) throw systemError("EIO", file);
    };
    const node = await startWithDeadSegment(disk, done);
    node.queues.delete("q");
    node.put("q", "new");
    await disk.finishAll();
    node.clock.advance(100);
    await disk.finishAll();
    const next = await startOn(disk.afterPowerLoss("nothing"));
    expect([done, await next.drain("q")]).toEqual([done, ["new"]]);
  }
});

test("a sync that outlives its queue removes nothing any more", async () => {
  for (let done = 0; done < 10; done++) {
    const disk = new VolatileDisk(() => 0);
    const node = await startWithDeadSegment(disk, done);
    node.queues.delete("q");
    const touched: string[] = [];
    disk.removeFile = async (file) => void touched.push(file);
    disk.rename = (file) => void touched.push(file);
    await disk.finishAll();
    expect([done, touched]).toEqual([done, []]);
  }
});

test("files that wait for segments to come make a deleted queue's folder as large as it is", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 1_000_000 } });
  const item = "-".repeat(60_000);
  for (let number = 0; number < 60; number++) {
    node.put("q", item);
    await node.get("q");
    await settle();
  }
  expect(node.disk.list("spool/q").filter((file) => file.endsWith("~")).length).toBeGreaterThan(0);
  expect(node.queue("q").reader.log.size).toBeLessThan(1024 * 1024);
  const removeNow = vi.spyOn(node.disk, "removeFolderNow");
  const removeLater = vi.spyOn(node.disk, "removeFolder");
  node.queues.delete("q");
  await settle();
  expect(removeLater).toHaveBeenCalledOnce();
  // The disk in memory has but one way.
  expect(removeNow).toHaveBeenCalledOnce();
});

test.each([
  ["a small item", 10, true],
  ["one whose frame is as long as a frame gets", 65_500, true],
  ["one with memory of its own", 100_000, true],
  ["one of two megabytes", 2_000_000, true],
  ["one that is in memory only", 100_000, false],
])("%s, put and deleted in one turn, leaves nothing in memory", async (_, size, keepJournal) => {
  const node = await TestNode.start({ default: { keepJournal } });
  const data = Buffer.alloc(size);
  for (let round = 0; round < 3; round++) {
    const put = node.queues.put("q", data, 0, size, 0, 0);
    node.queues.delete("q");
    node.turn.endNow();
    expect(put).toMatchObject({ state: "kept" });
  }
  expect([node.queues.names(), node.queues.memoryRatio]).toEqual([[], 0]);
});

test("a queue that is deleted after its turn leaves nothing in memory, and neither do fanouts", async () => {
  const node = await TestNode.start();
  for (const name of ["q", "q+one", "q+two"]) node.queues.obtain(name);
  node.put("q", large);
  for (const name of ["q+one", "q", "q+two"]) node.queues.delete(name);
  node.turn.endNow();
  expect(node.queues.memoryRatio).toBe(0);
});

/** Puts into `q`, and says what became of that. */
function putInto(node: TestNode): Receipt {
  const put = node.queues.put("q", Buffer.from("item"), 0, 4, 0, 0);
  node.turn.endNow();
  if (typeof put === "string") throw new Error(put);
  return put;
}

test.each(["succeeds", "fails"])(
  "whoever waits for a sync of a queue that is deleted waits no more: a sync that %s runs, or makes a pause",
  async (end) => {
    const disk = new VolatileDisk(() => 0);
    const node = await startOn(disk);
    const synced = putInto(node);
    const afterSynced = putInto(node);
    disk.finishOne(0);
    await disk.finishAll();
    expect([synced.state, afterSynced.state]).toEqual(["kept", "pending"]);
    node.queues.delete("q");
    expect(afterSynced.state).toBe("kept");

    const running = putInto(node);
    const waiting = putInto(node);
    if (end === "fails") {
      disk.fault = (operation) => {
        if (operation === "sync") throw new Error("no such file");
      };
    }
    node.queues.delete("q");
    await disk.finishAll();
    expect([running.state, waiting.state]).toEqual(["kept", "kept"]);
  },
);
