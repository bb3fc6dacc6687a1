/** What happens when the disk refuses, fails to sync, or loses the files: nothing is lost, and service returns. */
import { expect, test } from "vitest";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";

function full(node: TestNode): void {
  node.disk.fault = (operation, file) => {
    if (operation === "write" || operation === "create") throw systemError("ENOSPC", file);
  };
}

async function settle(): Promise<void> {
  for (let round = 0; round < 50; round++) await Promise.resolve();
}

test("a full disk refuses puts with a reason, serves gets, and service returns by itself", async () => {
  const node = await TestNode.start();
  node.put("q", "one");
  node.put("q", "two");
  full(node);
  node.disk.tornBytes = 10;
  const data = Buffer.from("lost");
  const receipt = node.queues.put("q", data, 0, 4, 0, 0);
  node.turn.endNow();
  expect(receipt).toMatchObject({ state: "failed", isUndone: true, error: { code: "disk" } });
  expect(() => node.put("q", "refused")).toThrow("no space left");
  expect(await node.get("q")).toMatchObject({ text: "one" });
  expect(node.queue("q").length).toBe(1);
  node.disk.fault = () => {};
  node.clock.advance(1000);
  await settle();
  expect(node.put("q", "three")).toBe("kept");
  const next = await node.afterKill();
  expect(await next.drain("q")).toEqual(["two", "three"]);
  expect(next.log.having("the journal's tail is torn; cut")).toEqual([]);
});

test("what was taken while the disk was full stays taken: the reserve is for that", async () => {
  const node = await TestNode.start();
  node.put("q", "one");
  node.put("q", "two");
  let isFull = true;
  const reserve = "spool/.kestrel.reserve";
  node.disk.fault = (operation, file) => {
    const isRoom = node.disk.files.get(reserve)?.size === 0 && file !== reserve;
    if (isFull && operation === "write" && !isRoom) throw systemError("ENOSPC", file);
  };
  expect(await node.get("q")).toMatchObject({ text: "one" });
  isFull = false;
  const next = await node.afterKill();
  expect(await next.drain("q")).toEqual(["two"]);
});

test("an item that was handed out in a turn that failed was never there", async () => {
  const node = await TestNode.start();
  node.put("other", "x");
  node.queues.obtain("q");
  node.turn.endNow();
  full(node);
  const data = Buffer.from("ghost");
  node.queues.put("q", data, 0, 5, 0, 0);
  const item = node.queue("q").get("open", 0, { receive: () => {}, miss: () => {} });
  const receipt = item !== null && "receipt" in item ? item.receipt : null;
  node.turn.endNow();
  expect(receipt).toMatchObject({ state: "failed", isUndone: true });
  expect(node.queue("q").openLength).toBe(0);
  expect(node.queue("q").length).toBe(0);
  expect(node.queue("q").bytes).toBe(0);
});

test("what a failed write leaves, and cannot be cut off at once, is gone before the next write", async () => {
  const node = await TestNode.start();
  node.put("q", "one");
  node.put("q", "two");
  let writes = 0;
  node.disk.fault = (operation, file) => {
    if (operation === "truncate" || (operation === "write" && ++writes === 2)) throw systemError("EIO", file);
  };
  const data = Buffer.alloc(60_000, "lost");
  for (let number = 0; number < 12; number++) node.queues.put("q", data, 0, data.length, 0, 0);
  node.turn.endNow();
  expect(node.queue("q").length).toBe(2);
  node.disk.fault = () => {};
  expect(await node.get("q")).toMatchObject({ text: "one" });
  const next = await node.afterKill();
  expect(await next.drain("q")).toEqual(["two"]);
  expect(next.log.having("damage in the journal")).toEqual([]);
});

test("half a head of a segment that could not be begun tells a start nothing", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 400 } });
  node.queues.obtain("q");
  // With a fanout the readers' states are there twice, and the first are whole.
  node.queues.obtain("q+x");
  const [first] = node.segmentsOf("q");
  let failed = 0;
  node.disk.tornBytes = 200;
  node.disk.fault = (operation, file) => {
    if (operation !== "write" || !file.endsWith(".log") || file.endsWith(first!) || failed > 0) return;
    failed++;
    throw systemError("ENOSPC", file);
  };
  const texts = Array.from({ length: 20 }, (_, number) => `item ${number} ${"-".repeat(30)}`);
  while (failed === 0) node.put("q", texts.shift()!);
  // Only the segment that goes on tells of these.
  await node.drain("q");
  node.put("q", texts[0]!);
  expect(await (await node.afterKill()).drain("q")).toEqual([texts[0]]);
});

test("a fanout that began in a turn that failed counts nothing of the next one that fails", async () => {
  const node = await TestNode.start();
  node.queues.obtain("q");
  node.turn.endNow();
  const data = Buffer.from("ghost");
  for (const queue of ["q+x", "q"]) {
    full(node);
    node.queues.put("q", data, 0, 5, 0, 0);
    node.queues.obtain(queue);
    node.turn.endNow();
    node.disk.fault = () => {};
    node.clock.advance(1000);
    await settle();
  }
  expect([node.queue("q+x").length, node.queue("q+x").bytes]).toEqual([0, 0]);
});

test("with syncJournal 0 an answer waits for its sync, and all that wait share one", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0 } });
  const data = Buffer.from("item");
  node.queues.obtain("q");
  node.turn.endNow();
  await settle();
  let syncs = 0;
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const file = node.queue("q").reader.log.tail.segment.file!;
  const sync = file.sync.bind(file);
  file.sync = async () => {
    syncs++;
    await gate;
    await sync();
  };
  const receipts: unknown[] = [];
  for (let turn = 0; turn < 10; turn++) {
    for (let put = 0; put < 10; put++) receipts.push(node.queues.put("q", data, 0, 4, 0, 0));
    node.turn.endNow();
  }
  expect(receipts.every((receipt) => (receipt as { state: string }).state === "pending")).toBe(true);
  expect(syncs).toBe(1);
  release();
  await settle();
  // The second would wait a moment longer for those whom the first has answered.
  node.clock.advance(1);
  await settle();
  expect(receipts.every((receipt) => (receipt as { state: string }).state === "kept")).toBe(true);
  expect(syncs).toBe(2);
  const next = await TestNode.start({}, node.disk.afterPowerLoss());
  expect(next.queue("q").length).toBe(100);
});

test("a failed sync refuses its puts and all others until the bytes are written and synced again", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0 } });
  node.put("q", "safe");
  await settle();
  node.disk.fault = (operation, file) => {
    if (operation === "sync") throw systemError("EIO", file);
  };
  const data = Buffer.from("unsure");
  const receipt = node.queues.put("q", data, 0, 6, 0, 0);
  node.turn.endNow();
  await settle();
  expect(receipt).toMatchObject({ state: "failed", isUndone: false });
  expect(() => node.put("q", "refused")).toThrow("sync failed");
  node.clock.advance(1000);
  await settle();
  expect(() => node.put("q", "refused")).toThrow("sync failed");
  node.disk.fault = () => {};
  const written = node.disk.bytesWritten;
  node.clock.advance(1000);
  await settle();
  expect(node.disk.bytesWritten).toBeGreaterThan(written);
  expect(node.put("q", "again")).toBe("pending");
  await settle();
  const next = await TestNode.start({}, node.disk.afterPowerLoss());
  expect(await next.drain("q")).toEqual(["safe", "unsure", "again"]);
});

test("a period of syncJournal syncs in the background, and only what is dirty", async () => {
  const node = await TestNode.start({ default: { syncJournal: 100 } });
  node.put("q", "one");
  node.clock.advance(200);
  await settle();
  let syncs = 0;
  node.disk.fault = (operation) => {
    if (operation === "sync") syncs++;
  };
  node.clock.advance(1000);
  await settle();
  expect(syncs).toBe(0);
  expect(node.put("q", "two")).toBe("kept");
  node.clock.advance(200);
  await settle();
  expect(syncs).toBe(1);
  const next = await TestNode.start({}, node.disk.afterPowerLoss());
  expect(await next.drain("q")).toEqual(["one", "two"]);
});

test("a journal that somebody removed is written again", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 500 } });
  for (let number = 0; number < 20; number++) node.put("q", `item ${number} ${"-".repeat(50)}`);
  for (const file of [...node.disk.files.keys()])
    if (file.startsWith("spool/q/")) node.disk.files.delete(file);
  node.put("q", "last");
  node.clock.advance(1000);
  await settle();
  expect(node.log.having("the journal has vanished; writing it again")).toHaveLength(1);
  const next = await node.afterKill();
  expect(next.queue("q").length).toBe(21);
  expect((await next.drain("q")).at(-1)).toBe("last");
});

test("a fault at every single operation leaves a state that could have been", async () => {
  const run = async (node: TestNode): Promise<string[]> => {
    const kept: string[] = [];
    for (let number = 0; number < 12; number++) {
      const text = `${number} ${"-".repeat(60)}`;
      try {
        if (node.put("q", text) === "kept") kept.push(text);
        if (number % 4 === 3 && (await node.get("q"))?.text === kept[0]) kept.shift();
        if (number === 6) {
          node.put("gone", "x");
          node.queues.delete("gone");
          node.turn.endNow();
        }
      } catch (error) {
        expect(error).toMatchObject({ code: "disk" });
      }
      await settle();
    }
    return kept;
  };
  const rules = { default: { defaultJournalSizeBytes: 300 } };
  const reference = await TestNode.start(rules);
  await run(reference);
  for (let fails = 5; fails < reference.disk.operations; fails++) {
    const node = await TestNode.start(rules);
    node.disk.tornBytes = 30;
    node.disk.fault = (_, file) => {
      if (node.disk.operations === fails) throw systemError("EIO", file);
    };
    const kept = await run(node);
    const next = await node.afterKill();
    expect(await next.drain("q"), `operation ${fails} failed`).toEqual(kept);
    expect(next.log.having("damage in the journal"), `operation ${fails} failed`).toEqual([]);
    await next.stop();
  }
});

test("a full disk is freed by emptying the queue that fills it", async () => {
  const node = await TestNode.start();
  for (let number = 0; number < 10; number++) node.put("q", `${number} ${"-".repeat(100)}`);
  const used = (): number => [...node.disk.files.values()].reduce((sum, { size }) => sum + size, 0);
  const limit = used();
  node.disk.fault = (operation, file) => {
    if (operation === "write" && used() >= limit && file.endsWith(".log")) throw systemError("ENOSPC", file);
  };
  const data = Buffer.from("refused");
  node.queues.put("q", data, 0, 7, 0, 0);
  node.turn.endNow();
  expect(await node.drain("q")).toHaveLength(10);
  node.clock.advance(1000);
  await settle();
  expect(node.put("q", "goes again")).toBe("kept");
  expect(used()).toBeLessThan(limit);
});

test("a fanout made in a turn that failed sees what is put next, and counts it, also after a kill", async () => {
  const node = await TestNode.start();
  node.queues.obtain("q");
  node.turn.endNow();
  const data = Buffer.from("lost");
  node.queues.put("q", data, 0, 4, 0, 0);
  node.queues.obtain("q+late");
  full(node);
  node.turn.endNow();
  node.disk.fault = () => {};
  node.clock.advance(300);
  await settle();
  expect(node.put("q", "kept")).toBe("kept");
  const next = await node.afterKill();
  expect(next.queue("q+late").length).toBe(1);
  expect(await next.drain("q+late")).toEqual(["kept"]);
  expect(await node.drain("q+late")).toEqual(["kept"]);
  expect((await node.afterKill()).queue("q+late").length).toBe(0);
});

test("a write that fails while the disk is tried again is not healed by that trial", async () => {
  const node = await TestNode.start({ default: { syncJournal: 100 } });
  node.put("q", "one");
  let broken = "sync";
  node.disk.fault = (operation, file) => {
    if (operation === broken) throw systemError("EIO", file);
  };
  node.clock.advance(100);
  await settle();
  broken = "";
  node.clock.advance(250);
  // The trial waits for its sync now.
  broken = "write";
  node.queue("q").get("take", 0, { receive: () => {}, miss: () => {} });
  node.turn.endNow();
  await settle();
  expect(node.queue("q").reader.log.refusal).not.toBeNull();
  broken = "";
  node.clock.advance(250);
  await settle();
  expect(node.queue("q").reader.log.refusal).toBeNull();
  expect(await (await node.afterKill()).drain("q")).toEqual([]);
});
