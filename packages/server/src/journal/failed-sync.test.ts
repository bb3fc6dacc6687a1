/** What a failed sync has dropped is written again, and nothing goes before; what another process left is synced, too. */
import { expect, test } from "vitest";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { VolatileDisk, type VolatileOperation } from "../testing/volatile-disk.ts";

const rules = { default: { syncJournal: 100, defaultJournalSizeBytes: 600 } };
const large = "-".repeat(700);

/** A failed sync drops all that it was to cover, from the medium and from memory. */
function fragileDisk(): VolatileDisk {
  const disk = new VolatileDisk(() => 0);
  disk.isPrompt = true;
  return disk;
}

function startOn(disk: VolatileDisk): Promise<TestNode> {
  disk.isPrompt = true;
  return TestNode.start(rules, disk as never);
}

function refuse(disk: VolatileDisk, refused: VolatileOperation): void {
  disk.fault = (operation, file) => {
    if (operation === refused && file.endsWith(".log")) throw systemError("EIO", file);
  };
}

async function settle(): Promise<void> {
  for (let round = 0; round < 100; round++) await Promise.resolve();
}

/** The next sync fails; then the disk is well again, and has what was dropped. */
async function failSyncAndHeal(node: TestNode, disk: VolatileDisk): Promise<void> {
  refuse(disk, "sync");
  node.clock.advance(100);
  await settle();
  expect(node.log.having("the journal cannot be synced")).toHaveLength(1);
  disk.fault = () => {};
  node.clock.advance(250);
  await settle();
  expect(node.log.having("the journal can be written again")).toHaveLength(1);
}

test("the start of a segment, which nothing else tells, is written again", async () => {
  const disk = fragileDisk();
  const node = await startOn(disk);
  node.queues.obtain("q+x");
  node.put("q+x", "item");
  await failSyncAndHeal(node, disk);
  const next = await startOn(disk.afterPowerLoss("nothing"));
  expect(next.queues.names()).toEqual(["q+x"]);
  expect(await next.drain("q+x")).toEqual(["item"]);
});

test("the end of a closed segment is written again", async () => {
  const disk = fragileDisk();
  const node = await startOn(disk);
  node.put("q", large);
  await failSyncAndHeal(node, disk);
  const next = await startOn(disk.afterPowerLoss("nothing"));
  expect(await next.drain("q")).toEqual([large]);
  expect(next.log.lines.filter(({ level }) => level !== "info")).toEqual([]);
});

test("what comes behind a segment that goes in the meantime is written again, too", async () => {
  const disk = fragileDisk();
  const node = await startOn(disk);
  node.put("q", large);
  refuse(disk, "sync");
  node.clock.advance(100);
  await settle();
  disk.fault = () => {};
  // The first segment is being synced now, and is finished.
  node.clock.advance(250);
  await node.get("q");
  await settle();
  node.clock.advance(100);
  await settle();
  const next = await startOn(disk.afterPowerLoss("nothing"));
  expect(await next.drain("q")).toEqual([]);
  expect(next.log.lines.filter(({ level }) => level !== "info")).toEqual([]);
});

test("segments that were there at the start hold no removal up once the disk is well again", async () => {
  const disk = fragileDisk();
  const killed = await startOn(disk);
  for (const text of [large, large, large]) killed.put("q", text);
  const left = disk.afterKill();
  const node = await startOn(left);
  const [first] = left.list("spool/q");
  await node.get("q");
  await failSyncAndHeal(node, left);
  node.clock.advance(1000);
  await settle();
  expect(left.list("spool/q")).not.toContain(first);
});

test("a sync that fails beside the one of what is written again takes that with it", async () => {
  const disk = fragileDisk();
  const node = await startOn(disk);
  node.put("q", "item");
  refuse(disk, "sync");
  node.clock.advance(100);
  await settle();
  disk.isPrompt = false;
  // What is written again is being synced; what a flush has to tell, beside it.
  node.clock.advance(250);
  node.queue("q").get("open", 0, { receive: () => {}, miss: () => {} });
  node.queues.flush("q");
  node.turn.endNow();
  node.clock.advance(100);
  disk.finishOne(disk.waitingLength - 1);
  await settle();
  disk.fault = () => {};
  disk.isPrompt = true;
  await disk.finishAll();
  node.clock.advance(1000);
  await settle();
  expect(node.log.having("the journal can be written again")).toHaveLength(1);
  const next = await startOn(disk.afterPowerLoss("nothing"));
  expect(await next.drain("q")).toEqual(["item"]);
});

test("nothing is answered as safe behind what a failed sync has dropped", async () => {
  const disk = fragileDisk();
  const node = await TestNode.start({ default: { syncJournal: 0 } }, disk as never);
  node.put("q", "safe");
  await settle();
  let isBroken = true;
  disk.fault = (operation) => {
    if (operation === "sync" && isBroken) throw systemError("EIO", "q");
  };
  const put = (text: string): { readonly state: string } => {
    const receipt = node.queues.put("q", Buffer.from(text), 0, text.length, 0, 0);
    node.turn.endNow();
    return receipt as { state: string };
  };
  const dropped = put("dropped");
  const behind = put("behind");
  for (let round = 0; dropped.state === "pending" && round < 100; round++) await Promise.resolve();
  isBroken = false;
  await settle();
  node.clock.advance(20);
  await settle();
  expect([dropped.state, behind.state]).toEqual(["failed", "failed"]);
});

test("a log whose syncs fail is closed all the same", async () => {
  const disk = fragileDisk();
  const node = await startOn(disk);
  node.put("q", large);
  await node.get("q");
  let syncs = 0;
  disk.fault = (operation, file) => {
    // An end in any case.
    if (operation === "sync" && ++syncs < 50) throw systemError("EIO", file);
  };
  await node.stop();
  expect(syncs).toBeLessThan(10);
});

test("no segment goes while another lacks what a failed sync has dropped", async () => {
  const disk = fragileDisk();
  const node = await startOn(disk);
  node.put("q", large);
  const [first] = disk.list("spool/q");
  await node.get("q");
  refuse(disk, "sync");
  node.clock.advance(100);
  await settle();
  // This sync has nothing to cover, and succeeds.
  refuse(disk, "write");
  node.clock.advance(1000);
  await settle();
  expect(disk.list("spool/q")).toContain(first);
  disk.fault = () => {};
  node.clock.advance(2000);
  await settle();
  expect(disk.list("spool/q")).not.toContain(first);
});

test("what a killed process has left unsynced, and the first sync drops, is written again", async () => {
  const before = fragileDisk();
  (await startOn(before)).put("q", "left");
  const disk = before.afterKill();
  disk.forgets = false;
  const node = await startOn(disk);
  node.put("q", "next");
  await failSyncAndHeal(node, disk);
  const next = await startOn(disk.afterPowerLoss("nothing"));
  expect(await next.drain("q")).toEqual(["left", "next"]);
});

test("a sync that fails long after another of the same time takes nothing with it for good", async () => {
  const before = fragileDisk();
  (await startOn(before)).put("q", "left");
  const disk = before.afterKill();
  disk.forgets = false;
  const node = await startOn(disk);
  disk.isPrompt = false;
  const finish = async (pick: number): Promise<void> => {
    disk.finishOne(pick);
    await settle();
  };
  // It closes the first segment: two files are to be synced.
  node.put("q", large);
  node.clock.advance(100);
  refuse(disk, "sync");
  await finish(1);
  disk.fault = () => {};
  // The first file is written again beside its sync that has not ended.
  node.clock.advance(250);
  await settle();
  refuse(disk, "sync");
  await finish(0);
  disk.fault = () => {};
  for (let round = 0; round < 3; round++) {
    await disk.finishAll();
    node.clock.advance(250);
    await settle();
  }
  expect(node.log.having("the journal can be written again")).toHaveLength(1);
  const next = await startOn(disk.afterPowerLoss("nothing"));
  expect(await next.drain("q")).toEqual(["left", large]);
});

test("where the system has forgotten that, it hides nothing of what comes behind it", async () => {
  const before = fragileDisk();
  const answering = { default: { ...rules.default, syncJournal: 0 as const } };
  const first = await TestNode.start(answering, before as never);
  // On until its tail is in a used file, with old bytes behind an end mark.
  for (let number = 0; number < 30; number++) {
    first.put("q", `${number}${"-".repeat(100)}`);
    await settle();
    const { end, segment } = first.queue("q").reader.log.tail;
    if (segment.staleEnd > end + 200) break;
    await first.get("q");
    await settle();
  }
  first.put("q", "safe");
  await settle();
  const { end, segment } = first.queue("q").reader.log.tail;
  expect(segment.staleEnd).toBeGreaterThan(end + 100);
  before.isPrompt = false;
  first.put("q", "not synced");
  const disk = before.afterKill();
  disk.isPrompt = true;
  const node = await TestNode.start(answering, disk as never);
  refuse(disk, "sync");
  node.put("q", "not synced either");
  await settle();
  expect(node.log.having("the journal cannot be synced")).toHaveLength(1);
  disk.fault = () => {};
  node.clock.advance(250);
  await settle();
  const data = Buffer.from("answered");
  const receipt = node.queues.put("q", data, 0, data.length, 0, 0);
  node.turn.endNow();
  await settle();
  expect(receipt).toMatchObject({ state: "kept" });
  const left = await (await startOn(disk.afterPowerLoss("nothing"))).drain("q");
  expect(left.filter((text) => text.endsWith("safe") || text === "answered")).toEqual(["safe", "answered"]);
});

test("files and names that a killed process has left unsynced are on the medium with the first sync", async () => {
  const disk = fragileDisk();
  const killed = await startOn(disk);
  killed.put("q", large);
  killed.put("q", "second");
  const left = disk.afterKill();
  const node = await startOn(left);
  node.put("q", "third");
  node.clock.advance(100);
  await settle();
  const next = await startOn(left.afterPowerLoss("nothing"));
  expect(await next.drain("q")).toEqual([large, "second", "third"]);
});
