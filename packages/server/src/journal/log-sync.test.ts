/** What must be on the medium before an answer leaves: not the bytes alone, but the names that lead to them. */
import { expect, test } from "vitest";
import { chanceOf } from "../testing/chance.ts";
import { type FakeDisk, systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { VolatileDisk } from "../testing/volatile-disk.ts";

const data = Buffer.from("item");

async function settle(): Promise<void> {
  for (let round = 0; round < 50; round++) await Promise.resolve();
}

function put(node: TestNode): { readonly state: string } {
  const receipt = node.queues.put("q", data, 0, data.length, 0, 0);
  node.turn.endNow();
  return receipt as { state: string };
}

test("the first answer waits for the new file, its folder and the spool folder; the next for the file alone", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0 } });
  const synced: string[] = [];
  let release: () => void = () => {};
  node.disk.syncFolder = async (folder) => {
    synced.push(folder);
    if (folder === "spool") await new Promise<void>((resolve) => (release = resolve));
  };
  const first = put(node);
  await settle();
  expect([first.state, synced]).toEqual(["pending", ["spool/q", "spool"]]);
  release();
  await settle();
  expect(first.state).toBe("kept");
  const second = put(node);
  await settle();
  expect([second.state, synced.length]).toEqual(["kept", 2]);
});

test("a folder whose sync has failed is synced before anything else is answered", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0 } });
  let isBroken = true;
  const synced: string[] = [];
  node.disk.syncFolder = async (folder) => {
    if (isBroken) throw systemError("EIO", folder);
    synced.push(folder);
  };
  expect(put(node).state).toBe("pending");
  await settle();
  expect(() => put(node)).toThrow("sync failed");
  isBroken = false;
  node.clock.advance(1000);
  await settle();
  const next = put(node);
  await settle();
  expect([next.state, synced]).toEqual(["kept", ["spool/q", "spool"]]);
});

test("a disk is called well again once the folder whose sync has failed is synced, too", async () => {
  const disk = new VolatileDisk(() => 0);
  disk.isPrompt = true;
  const node = await TestNode.start({ default: { syncJournal: 100 } }, disk as never);
  disk.fault = (operation, file) => {
    if (operation === "sync" && file === "spool/q") throw systemError("EIO", file);
  };
  put(node);
  node.clock.advance(100);
  await settle();
  disk.fault = () => {};
  // The disk is tried again, and found well.
  node.clock.advance(250);
  await settle();
  expect(node.log.having("the journal can be written again")).toHaveLength(1);
  const left = disk.afterPowerLoss("nothing");
  left.isPrompt = true;
  const next = await TestNode.start({}, left as never);
  expect(next.queues.names()).toEqual(["q"]);
});

test("what fills a segment is synced before it is answered, also when the index finds no room", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0, defaultJournalSizeBytes: 100 } });
  node.queues.obtain("q");
  node.turn.endNow();
  await settle();
  let writes = 0;
  node.disk.fault = (operation, file) => {
    if (operation === "write" && file.endsWith("-00000001.log") && ++writes > 1)
      throw systemError("ENOSPC", file);
  };
  const receipt = put(node);
  await settle();
  expect([receipt.state, node.segmentsOf("q").length, writes]).toEqual(["kept", 2, 2]);
  const next = await TestNode.start({}, node.disk.afterPowerLoss());
  expect(await next.drain("q")).toEqual(["item"]);
});

test("the next sync waits for clients who have just been answered, for as long as theirs took and no longer", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0 } });
  put(node);
  await settle();
  const first = put(node);
  const during = put(node);
  await settle();
  expect([first.state, during.state]).toEqual(["kept", "pending"]);
  const again = put(node);
  await settle();
  expect([during.state, again.state]).toEqual(["kept", "kept"]);
  const last = put(node);
  const alone = put(node);
  await settle();
  expect([last.state, alone.state]).toEqual(["kept", "pending"]);
  node.clock.advance(1);
  await settle();
  expect(alone.state).toBe("kept");
});

test("who takes an item whose put is being synced waits for the next sync, which has it finished", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0 } });
  put(node);
  const item = node.queue("q").get("take", 0, { receive: () => {}, miss: () => {} });
  const taken = item !== null && "receipt" in item ? item.receipt : null;
  node.turn.endNow();
  let disk: FakeDisk | null = null;
  taken?.whenSettled(() => {
    disk = node.disk.afterPowerLoss();
  });
  await settle();
  node.clock.advance(20);
  await settle();
  expect(taken?.state).toBe("kept");
  const next = await TestNode.start({}, disk!);
  expect(await next.drain("q")).toEqual([]);
});

test("a sync that covers only what came after a failed one heals nothing", async () => {
  const node = await TestNode.start({ default: { syncJournal: 100 } });
  put(node);
  put(node);
  await settle();
  let isBroken = true;
  node.disk.fault = (operation, file) => {
    if (operation === "sync" && isBroken) throw systemError("EIO", file);
  };
  node.clock.advance(100);
  await settle();
  isBroken = false;
  // Finishing goes on meanwhile, and is synced.
  await node.get("q");
  const written = node.disk.bytesWritten;
  node.clock.advance(100);
  await settle();
  expect(node.queue("q").reader.log.refusal).not.toBeNull();
  node.clock.advance(300);
  await settle();
  expect(node.queue("q").reader.log.refusal).toBeNull();
  expect(node.disk.bytesWritten - written).toBeGreaterThan(
    64 * 1024 + node.queue("q").reader.log.tail.end - 1,
  );
});

test("a segment's file goes when what allows it is on the medium, not before", async () => {
  const node = await TestNode.start({ default: { syncJournal: 100, defaultJournalSizeBytes: 120 } });
  for (let number = 0; number < 3; number++) put(node);
  const [oldest] = node.segmentsOf("q");
  await node.drain("q");
  await settle();
  expect(node.segmentsOf("q")).toContain(oldest);
  for (let round = 0; round < 2; round++) {
    node.clock.advance(1000);
    await settle();
  }
  expect(node.segmentsOf("q")).not.toContain(oldest);
});

/** A node whose queue `q` has its file, synced, and what puts an item of 20 KB and gives the file's size then. */
async function startBusy(disk?: VolatileDisk): Promise<{ node: TestNode; putLarge: () => Promise<number> }> {
  const node = await TestNode.start({ default: { syncJournal: 0 } }, disk as never);
  const large = Buffer.alloc(20_000, "x");
  const putLarge = async (): Promise<number> => {
    const receipt = node.queues.put("q", large, 0, large.length, 0, 0) as { readonly state: string };
    node.turn.endNow();
    node.clock.advance(10);
    await settle();
    expect(receipt.state).toBe("kept");
    return node.queue("q").reader.log.tail.segment.file!.size();
  };
  put(node);
  await settle();
  return { node, putLarge };
}

test("a sync that covers much makes room for those to come, which then have the content alone to write", async () => {
  const { node, putLarge } = await startBusy();
  const size = await putLarge();
  expect(size).toBeGreaterThan(16 * 20_000);
  for (let number = 0; number < 12; number++) expect(await putLarge()).toBe(size);
  const disk = node.disk.afterKill();
  const next = await TestNode.start({}, disk);
  expect((await next.drain("q")).map((text) => text.length)).toEqual([4, ...Array(13).fill(20_000)]);
  expect(next.log.having("the journal's tail is torn; cut")).toHaveLength(0);
  const [file] = next.segmentsOf("q");
  // Cut off for good: of what a power loss has left there nothing comes back behind the next items.
  expect(disk.afterPowerLoss().bytesOf(`spool/q/${file}`).length).toBeLessThan(13 * 20_100 + 1000);
});

test("a sync so large that the next would need room again makes none", async () => {
  const { node } = await startBusy();
  const huge = Buffer.alloc(600_000, "x");
  for (let number = 0; number < 3; number++) {
    node.queues.put("q", huge, 0, huge.length, 0, 0);
    node.turn.endNow();
    node.clock.advance(10);
    await settle();
    const { end, segment } = node.queue("q").reader.log.tail;
    expect(segment.file!.size()).toBe(end);
  }
});

test("a large sync in a used file forgets nothing of what the file held before, and a stop cuts it off", async () => {
  const node = await TestNode.start({ default: { syncJournal: 0, defaultJournalSizeBytes: 4_000_000 } });
  const putOf = async (size: number): Promise<void> => {
    node.queues.put("q", Buffer.alloc(size, "x"), 0, size, 0, 0);
    node.turn.endNow();
    node.clock.advance(10);
    await settle();
  };
  const isUsedFile = (): boolean => {
    const { end, segment } = node.queue("q").reader.log.tail;
    return segment.staleEnd > 3_500_000 && end < 400_000;
  };
  await putOf(300_000);
  for (let number = 0; number < 60 && !isUsedFile(); number++) {
    await node.get("q");
    await putOf(300_000);
  }
  expect(isUsedFile()).toBe(true);
  const { segment } = node.queue("q").reader.log.tail;
  await putOf(2_300_000);
  expect(segment.staleEnd).toBe(segment.file!.size());
  await putOf(10_000);
  await node.stop();
  const next = await TestNode.start({}, node.disk.afterKill());
  expect(next.log.having("the journal's tail is torn; cut")).toHaveLength(0);
  expect((await next.drain("q")).map(({ length }) => length)).toEqual([300_000, 2_300_000, 10_000]);
});

test("where the disk has no room for syncs to come, none is made, and what was tried is given back", async () => {
  const { node, putLarge } = await startBusy();
  let writes = 0;
  node.disk.fault = (operation, file) => {
    if (operation === "write" && ++writes > 2) throw systemError("ENOSPC", file);
  };
  expect(await putLarge()).toBe(node.queue("q").reader.log.tail.end);
  expect(writes).toBe(3);
  // Not tried again for each sync.
  node.disk.fault = () => {};
  expect(await putLarge()).toBe(node.queue("q").reader.log.tail.end);
});

test("whatever a power loss leaves of the room that was made, all that was answered is there", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const disk = new VolatileDisk(chanceOf(seed));
    disk.isPrompt = true;
    const { node, putLarge } = await startBusy(disk);
    for (let number = 0; number < 3; number++) await putLarge();
    // Written, and not synced.
    disk.isPrompt = false;
    for (let number = 0; number < seed % 4; number++) put(node);
    const left = disk.afterPowerLoss("any");
    left.isPrompt = true;
    const next = await TestNode.start({}, left as never);
    const sizes = (await next.drain("q")).map((text) => text.length);
    expect(sizes.slice(0, 4), `seed ${seed}`).toEqual([4, 20_000, 20_000, 20_000]);
  }
});
