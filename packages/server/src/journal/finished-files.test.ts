/**
 * Files of finished segments used again: what they held before never comes back, whenever the node is killed, and
 * damage is told as in any other file.
 */
import path from "node:path";
import { expect, test } from "vitest";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { FakeDisk, systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { FinishedFiles, SpareBudget, spareSuffix } from "./finished-files.ts";
import { encodeEndMark, frameHeadSize, segmentSeed } from "./frame.ts";

const small = { default: { defaultJournalSizeBytes: 400 } };

async function settle(): Promise<void> {
  for (let round = 0; round < 60; round++) await Promise.resolve();
}

/** Items come and go, so that segments do; the last three stay. */
async function flow(node: TestNode, length: number): Promise<string[]> {
  const texts = Array.from({ length }, (_, number) => `item ${number} ${"-".repeat((number * 7) % 90)}`);
  for (const [number, text] of texts.entries()) {
    node.put("q", text);
    if (number >= 3) expect((await node.get("q"))?.text).toBe(texts[number - 3]);
    await settle();
  }
  return texts.slice(-3);
}

function sparesOf({ disk }: TestNode): string[] {
  return disk.list("spool/q").filter((file) => file.endsWith(spareSuffix));
}

/** The newest segment of a node that was killed: its path, bytes and where its content ends. */
function newestOf(disk: FakeDisk): { file: string; bytes: Buffer; end: number } {
  const file = [...disk.files.keys()]
    .filter((name) => name.endsWith(".log"))
    .sort()
    .pop()!;
  const bytes = Buffer.from(disk.bytesOf(file));
  return { file, bytes, end: bytes.indexOf(encodeEndMark(segmentSeed(file.split("/").pop()!))) };
}

/** A killed node whose newest segment has an end mark, and old bytes behind it. */
async function killedInUsedFile(): Promise<{ disk: FakeDisk; kept: string[] }> {
  for (let length = 20; length < 60; length++) {
    const node = await TestNode.start(small);
    const kept = await flow(node, length);
    const disk = node.disk.afterKill();
    const { bytes, end } = newestOf(disk);
    if (end >= 200 && end + frameHeadSize < bytes.length) return { disk, kept };
  }
  throw new Error("no segment was begun in a used file");
}

test("segments that come take the files of those that are finished", async () => {
  const node = await TestNode.start(small);
  let created = 0;
  node.disk.fault = (operation) => {
    if (operation === "create") created++;
  };
  await flow(node, 200);
  expect(node.queue("q").reader.log.rotations).toBeGreaterThan(20);
  expect(created).toBeLessThan(6);
  await node.stop();
});

test.each(["never", 0, 100] as const)(
  "a kill at any moment loses nothing, brings nothing back and finds no damage, syncJournal %s",
  async (syncJournal) => {
    const rules = { default: { ...small.default, syncJournal } };
    const reference = await TestNode.start(rules);
    await flow(reference, 60);
    const total = reference.disk.operations;
    await reference.stop();
    for (let stop = 10; stop < total; stop += 3) {
      const node = await TestNode.start(rules);
      let killed: FakeDisk | null = null;
      let put = 0;
      let got = 0;
      let atKill = { put: 0, got: 0 };
      node.disk.fault = () => {
        if (node.disk.operations !== stop) return;
        killed = node.disk.afterKill();
        atKill = { put, got };
      };
      for (; put < 60; put++) {
        node.put("q", `${put}`.padEnd(10 + ((put * 7) % 90)));
        if (put >= 3) {
          await node.get("q");
          got++;
        }
        await settle();
      }
      if (killed === null) continue;
      const next = await node.afterKill(killed);
      const left = (await next.drain("q")).map(Number);
      // What was under way in that moment may have happened or not.
      expect([atKill.got, atKill.got + 1]).toContain(left[0] ?? atKill.put);
      expect([atKill.put - 1, atKill.put]).toContain(left.at(-1) ?? atKill.put - 1);
      expect(left).toEqual(left.map((_, index) => left[0]! + index));
      expect(next.log.having("damage in the journal"), `operation ${stop}`).toEqual([]);
      expect(next.log.having("the journal's tail is torn; cut"), `operation ${stop}`).toEqual([]);
      await next.stop();
      await node.stop();
    }
  },
);

test("the next start cuts off what the file held before, and goes on there", async () => {
  const { disk, kept } = await killedInUsedFile();
  const { file, end } = newestOf(disk);
  disk.setBytes(`${file}${spareSuffix}`, Buffer.from("never used"));
  const node = await TestNode.start(small, disk);
  expect(sparesOf(node)).not.toContain(`${path.basename(file)}${spareSuffix}`);
  expect(disk.bytesOf(file).length).toBe(end);
  node.put("q", "one more");
  const next = await node.afterKill();
  expect(await next.drain("q")).toEqual([...kept, "one more"]);
  expect(next.log.having("the journal's tail is torn; cut")).toEqual([]);
});

test.each(["never", 0, 100] as const)(
  "a clean stop leaves neither old bytes nor files that wait, syncJournal %s",
  async (syncJournal) => {
    const node = await TestNode.start({ default: { ...small.default, syncJournal } });
    await flow(node, 50);
    if (syncJournal !== 100) expect(sparesOf(node).length).toBeGreaterThan(0);
    await node.stop();
    expect(sparesOf(node)).toEqual([]);
    const { file } = newestOf(node.disk);
    expect(newestOf(node.disk).end).toBe(-1);
    expect(node.disk.bytesOf(file).length).toBeGreaterThan(0);
  },
);

test("a flipped byte anywhere in a used file costs what it touched, and is told; behind the end mark, nothing", async () => {
  const { disk, kept } = await killedInUsedFile();
  const { file, bytes, end } = newestOf(disk);
  for (let at = 0; at < bytes.length; at++) {
    const spoilt = disk.afterKill();
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 0x10;
    spoilt.setBytes(file, flipped);
    const node = await TestNode.start(small, spoilt);
    const left = await node.drain("q");
    if (at >= end + frameHeadSize) {
      expect(left, `byte ${at}`).toEqual(kept);
      expect(node.log.having("the journal's tail is torn; cut")).toEqual([]);
    } else {
      const told = ["damage in the journal", "the journal's tail is torn; cut"];
      if (at >= 8) expect(told.flatMap((message) => node.log.having(message)).length, `byte ${at}`).toBe(1);
      expect(kept.filter((text) => !left.includes(text)).length, `byte ${at}`).toBeLessThanOrEqual(1);
    }
    await node.stop();
  }
});

test("an end mark in an item, behind a broken frame, ends nothing", async () => {
  const node = await TestNode.start();
  node.put("q", "first");
  const [name] = node.segmentsOf("q");
  const file = `spool/q/${name}`;
  const start = node.disk.bytesOf(file).length;
  const data = encodeEndMark(segmentSeed(name!));
  node.queues.put("q", data, 0, data.length, 0, 0);
  node.turn.endNow();
  node.put("q", "last");
  const disk = node.disk.afterKill();
  const bytes = Buffer.from(disk.bytesOf(file));
  // The frame's mark and size, so that nothing tells where the next begins.
  bytes.fill(0xee, start, start + 8);
  disk.setBytes(file, bytes);
  const next = await node.afterKill(disk);
  expect(await next.drain("q")).toEqual(["first", "last"]);
});

test("an end mark that the content should have been written over is damage, and nothing behind it is read", async () => {
  const node = await TestNode.start(small);
  const texts = Array.from({ length: 12 }, (_, number) => `item ${number} ${"-".repeat(60)}`);
  for (const text of texts) node.put("q", text);
  const disk = node.disk.afterKill();
  const [first, second] = [...disk.files.keys()].filter((file) => file.endsWith(".log")).sort();
  // A power loss has kept the index, but of the content behind the first item what the file held before.
  const bytes = Buffer.from(disk.bytesOf(first!));
  const start = bytes.indexOf(texts[0]!) + texts[0]!.length;
  const mark = encodeEndMark(segmentSeed(path.basename(first!)));
  const old = disk.bytesOf(second!).subarray(disk.bytesOf(second!).indexOf("item") - 40);
  Buffer.concat([mark, old]).copy(bytes, start, 0, bytes.indexOf(texts[1]!) + texts[1]!.length - start);
  disk.setBytes(first!, bytes);
  const next = await node.afterKill(disk);
  expect(await next.drain("q")).toEqual(texts.filter((text) => text !== texts[1]));
  expect([next.queue("q").length, next.queue("q").bytes]).toEqual([0, 0]);
  expect(next.log.having("damage in the journal")).toHaveLength(1);
});

test("files that nobody needs any more go after half a minute", async () => {
  const node = await TestNode.start(small);
  await flow(node, 50);
  expect(sparesOf(node).length).toBeGreaterThan(0);
  node.clock.advance(20_000);
  await settle();
  expect(sparesOf(node).length).toBeGreaterThan(0);
  node.clock.advance(15_000);
  await settle();
  expect(sparesOf(node)).toEqual([]);
});

test.each(["empty", "not empty"])(
  "a log that is left alone, %s, gives back what its file held before",
  async (kind) => {
    const node = await TestNode.start(small);
    await flow(node, 50);
    if (kind === "empty") await node.drain("q");
    const { log } = node.queue("q").reader;
    const sizes = node.segmentsOf("q").map((file) => node.disk.bytesOf(`spool/q/${file}`).length);
    expect(sizes.reduce((sum, size) => sum + size)).toBeGreaterThan(log.size);
    for (let look = 0; look < 5; look++) {
      node.clock.advance(1000);
      await settle();
    }
    const sizesLater = node.segmentsOf("q").map((file) => node.disk.bytesOf(`spool/q/${file}`).length);
    expect(sizesLater.reduce((sum, size) => sum + size)).toBe(log.size);
    if (kind === "empty") expect(log.size).toBeLessThan(150);
    node.put("q", "one more");
    expect((await (await node.afterKill()).drain("q")).at(-1)).toBe("one more");
  },
);

test.each(["q", "other"])("a disk that is full for %s gets the files back that wait", async (name) => {
  const node = await TestNode.start(small);
  await flow(node, 50);
  expect(sparesOf(node).length).toBeGreaterThan(0);
  node.queues.obtain(name);
  node.disk.fault = (operation, file) => {
    if (operation === "write") throw systemError("ENOSPC", file);
  };
  expect(node.put(name, "refused")).toBe("failed");
  await settle();
  expect(sparesOf(node)).toEqual([]);
});

test.each(["open", "rename", "write"] as const)(
  "where a file cannot be used again (%s fails) a new one is made",
  async (failing) => {
    const node = await TestNode.start(small);
    await flow(node, 50);
    await node.drain("q");
    node.disk.fault = (operation, file) => {
      if (operation === failing && file.endsWith(spareSuffix)) throw systemError("EIO", file);
    };
    const kept = await flow(node, 50);
    expect(node.log.having("cannot use a finished segment's file again").length).toBeGreaterThan(0);
    expect((await (await node.afterKill()).drain("q")).slice(-3)).toEqual(kept);
  },
);

test("all logs of a node keep no more than the node may", () => {
  const disk = new FakeDisk();
  const spareBudget = new SpareBudget(1000);
  const log = new CollectedLog();
  const options = { spareBudget, disk, clock: new FakeClock(), logger: log, syncs: () => false };
  const [one, other] = [new FinishedFiles(options), new FinishedFiles(options)];
  const kept = (): string[] => disk.list("spool").filter((file) => file.endsWith(spareSuffix));
  for (const [name, files] of [
    ["a", one],
    ["b", other],
    ["c", one],
  ] as const) {
    disk.create(`spool/${name}`).close();
    files.add(`spool/${name}`, 400);
  }
  expect(kept()).toEqual(["a", "b"].map((name) => `${name}${spareSuffix}`));
  expect(spareBudget.bytes).toBe(800);
  one.reuse("spool/d", Buffer.from("new"))?.file.close();
  expect(spareBudget.bytes).toBe(400);
  other.abandon();
  expect(spareBudget.bytes).toBe(0);
  expect(log.lines).toEqual([]);
});
