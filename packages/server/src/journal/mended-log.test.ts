/**
 * What one power loss has left, the next one does not take, though nobody syncs: where damage has made a start tell anew
 * who reads a log, no older file that told it goes before that is on the medium.
 */
import { expect, test } from "vitest";
import { chanceOf } from "../testing/chance.ts";
import { TestNode } from "../testing/node.ts";
import { VolatileDisk } from "../testing/volatile-disk.ts";

const rules = { default: { defaultJournalSizeBytes: 600, syncJournal: "never" } } as const;
const item = "item ".padEnd(200, "-");

async function settle(): Promise<void> {
  for (let round = 0; round < 60; round++) await Promise.resolve();
}

async function startOn(disk: VolatileDisk): Promise<TestNode> {
  disk.isPrompt = true;
  const node = await TestNode.start(rules, disk as never);
  await settle();
  return node;
}

async function takeLast(node: TestNode, name: string): Promise<void> {
  const open: number[] = [];
  for (let got = await node.get(name, "open"); got !== null; got = await node.get(name, "open"))
    open.push(got.id);
  node.queue(name).confirm(open.pop()!);
  node.turn.endNow();
}

/**
 * The log is as old as its fanout; that the queue came later is told within the oldest segment, and at the beginning of
 * the newest, which holds nothing that anybody wants. The one is damaged there, and in its index, so that all is counted anew.
 */
async function damagedDisk(): Promise<VolatileDisk> {
  const disk = new VolatileDisk(chanceOf(1));
  const node = await startOn(disk);
  node.put("q+early", "before the queue");
  node.queues.obtain("q");
  node.turn.endNow();
  for (let number = 0; number < 2; number++) node.put("q", item);
  expect(node.segmentsOf("q")).toHaveLength(2);
  node.put("q", "last");
  for (const name of ["q", "q+early"]) await takeLast(node, name);
  const oldest = disk.open(`spool/q/${node.segmentsOf("q")[0]}`);
  const told = disk.readFile(oldest.path)!.indexOf("before the queue") + "before the queue".length;
  for (const offset of [told, oldest.size() - 10]) oldest.write(Buffer.from("damage"), 0, 6, offset);
  return disk.afterPowerLoss("everything");
}

test("what told who reads a damaged log stays until a newer file that does is on the medium", async () => {
  const disk = await damagedDisk();
  const node = await startOn(disk);
  expect(node.log.having("damage in the journal")).toHaveLength(1);
  expect([node.queue("q").length, node.queue("q+early").length]).toEqual([2, 3]);
  for (let round = 0; round < 40; round++) {
    const next = await startOn(disk.afterPowerLoss("any"));
    expect(await next.drain("q"), `loss ${round}`).toEqual([item, item]);
  }
  // Then it goes, though nobody syncs.
  await settle();
  expect(node.segmentsOf("q")).toHaveLength(2);
});
