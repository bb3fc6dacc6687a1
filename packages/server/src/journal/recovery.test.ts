/** Folders as crashes, power losses and hands leave them: what is counted is there, and what is there is counted. */
import { expect, test, vi } from "vitest";
import type { FakeDisk } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { IdRanges } from "./id-ranges.ts";
import { reconcile } from "./reconciliation.ts";
import { SegmentScan } from "./segment-scan.ts";

const rules = {
  default: {
    defaultJournalSizeBytes: 2000,
    maxJournalSizeBytes: 4000,
    minJournalCompactDelayMs: 0,
    maxMemorySizeBytes: 1000,
  },
};

async function settle(): Promise<void> {
  for (let round = 0; round < 200; round++) await Promise.resolve();
}

/**
 * Puts items through the queue, of which one of every ten stays open, until the newest segment has followed one that
 * was rewritten for the fifth time. Gives the disk as it is then, and the items that must be in older segments.
 */
async function diskBehindRewritten(queue: string): Promise<{ disk: FakeDisk; left: string[] }> {
  const node = await TestNode.start(rules);
  node.queues.obtain("q");
  node.queues.obtain(queue);
  node.turn.endNow();
  const left: string[] = [];
  let times = 0;
  for (let number = 0; number < 2000; number++) {
    const text = `${number} ${"-".repeat(80)}`;
    node.put("q", text);
    if (queue !== "q") await node.get("q");
    const isLeft = number % 10 === 0;
    await node.get(queue, isLeft ? "open" : "take");
    if (isLeft) left.push(text);
    await settle();
    const [newest, closed] = segments(node.disk).reverse();
    if (closed === undefined) continue;
    const isNew = node.disk.bytesOf(newest!).length < 1000;
    if (isNew && isRewritten(node.disk.bytesOf(closed)) && ++times === 5)
      return {
        disk: node.disk.afterKill(),
        left: left.filter((text) => !node.disk.bytesOf(newest!).includes(text)),
      };
  }
  throw new Error("no segment was rewritten");
}

/** By the record that a segment begins with. */
function isRewritten(bytes: Buffer): boolean {
  return bytes.length > 24 && bytes.readUInt16LE(8 + 12 + 2) === 1;
}

function segments(disk: FakeDisk): string[] {
  return [...disk.files.keys()].filter((file) => file.endsWith(".log")).sort();
}

test.each(["q", "q+audit"])(
  "a newest segment that is empty or damaged costs %s nothing behind a rewritten one",
  async (queue) => {
    const { disk, left } = await diskBehindRewritten(queue);
    const newest = segments(disk).pop()!;
    const flipped = Buffer.from(disk.bytesOf(newest));
    flipped[30]! ^= 1;
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(500), flipped]) {
      const lost = disk.afterKill();
      lost.setBytes(newest, bytes);
      const node = await TestNode.start(rules, lost);
      expect(node.queues.names().sort()).toEqual([...new Set(["q", queue])].sort());
      const counted = node.queue(queue).length;
      const found = await node.drain(queue);
      expect(found).toHaveLength(counted);
      expect(left.filter((text) => !found.includes(text))).toEqual([]);
      expect([node.queue(queue).length, node.queue(queue).bytes]).toEqual([0, 0]);
      expect(node.log.having("no readers' state is left: all items count as unread")).toEqual([]);
      await node.stop();
    }
  },
);

test("after a power loss nothing is counted that went with a removed segment", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 1000, syncJournal: 1000 } });
  const texts = Array.from({ length: 60 }, (_, number) => `${number} ${"-".repeat(80)}`);
  for (const text of texts) node.put("q", text);
  node.clock.advance(5000);
  await settle();
  // Taken, and not synced; but the removal of their files happened.
  for (let number = 0; number < 40; number++) await node.get("q");
  await settle();
  const next = await node.afterKill(node.disk.afterPowerLoss());
  const counted = next.queue("q").length;
  expect(await next.drain("q")).toHaveLength(counted);
  expect([next.queue("q").length, next.queue("q").bytes]).toEqual([0, 0]);
});

test("a segment that somebody has removed is missed, and the rest is counted right", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 1000 } });
  const texts = Array.from({ length: 60 }, (_, number) => `${number} ${"-".repeat(80)}`);
  for (const text of texts) node.put("q", text);
  const disk = node.disk.afterKill();
  const [first, , third] = segments(disk);
  disk.files.delete(first!);
  disk.files.delete(third!);
  const next = await node.afterKill(disk);
  const counted = next.queue("q").length;
  expect(next.log.having("items are in no file of the journal")).toHaveLength(1);
  const found = await next.drain("q");
  expect(found).toHaveLength(counted);
  expect(found).toEqual(texts.filter((text) => found.includes(text)));
  expect(found.length).toBeGreaterThan(30);
  expect([next.queue("q").length, next.queue("q").bytes]).toEqual([0, 0]);
});

test("what a start counts anew is right for the next one, too, though a flush names the lost ids", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 1000 } });
  for (let number = 0; number < 30; number++) node.put("q", `${number} ${"-".repeat(80)}`);
  const disk = node.disk.afterKill();
  disk.files.delete(segments(disk)[1]!);
  const next = await node.afterKill(disk);
  expect(next.queue("q").length).toBeGreaterThan(0);
  next.queues.flush("q");
  next.turn.endNow();
  const last = await next.afterKill();
  expect([last.queue("q").length, last.queue("q").bytes]).toEqual([0, 0]);
});

test("items lost in an older segment without an index don't pin it", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 1000 } });
  const texts = Array.from({ length: 60 }, (_, number) => `${number} ${"-".repeat(80)}`);
  for (const text of texts) node.put("q", text);
  const disk = node.disk.afterKill();
  const [, second] = segments(disk);
  const bytes = Buffer.from(disk.bytesOf(second!)).subarray(0, -100);
  bytes[300]! ^= 1;
  disk.setBytes(second!, bytes);
  const next = await node.afterKill(disk);
  const counted = next.queue("q").length;
  expect(counted).toBeLessThan(60);
  expect(await next.drain("q")).toHaveLength(counted);
  // After damage files go only behind a sync.
  next.clock.advance(1000);
  await settle();
  expect(next.segmentsOf("q")).toHaveLength(1);
});

test("a damaged tail with items lost and a later one finished pins nothing", async () => {
  const node = await TestNode.start();
  for (const text of ["one", "two", "three", "four"]) node.put("q", text);
  for (let number = 0; number < 3; number++) await node.get("q", "open");
  const three = await node.get("q");
  expect(three?.text).toBe("four");
  const disk = node.disk.afterKill();
  const [file] = segments(disk);
  const bytes = Buffer.from(disk.bytesOf(file!));
  for (const text of ["two", "three", "four"]) bytes[bytes.indexOf(text)]! ^= 1;
  disk.setBytes(file!, bytes);
  const next = await node.afterKill(disk);
  expect(next.queue("q").length).toBe(1);
  expect(next.put("q", "five")).toBe("kept");
  expect(await next.drain("q")).toEqual(["one", "five"]);
  next.queues.sweep();
  next.queues.sweep();
  next.queues.sweep();
  expect(next.segmentsOf("q").every((name) => !name.startsWith("0000000000000001-"))).toBe(true);
});

test("a segment in which nothing is whole is set aside before it goes", async () => {
  const node = await TestNode.start();
  for (const text of ["one", "two", "three"]) node.put("q", text);
  const disk = node.disk.afterKill();
  const [file] = segments(disk);
  // As by a hand that gives it another name: nothing in it checks any more.
  const renamed = file!.replace("00000001.log", "00000002.log");
  const bytes = Buffer.from(disk.bytesOf(file!));
  disk.rename(file!, renamed);
  const next = await node.afterKill(disk);
  expect(next.queue("q").length).toBe(0);
  const [line] = next.log.having("nothing in a segment is whole; removed");
  expect(line?.fields).toMatchObject({ file: renamed, size: bytes.length });
  expect(next.disk.bytesOf(line?.fields.aside as string)).toEqual(bytes);
});

test("fanouts outlive any flipped bit, also in the only segment", async () => {
  const node = await TestNode.start();
  for (const name of ["q", "q+audit"]) node.queues.obtain(name);
  node.queues.delete("q");
  node.turn.endNow();
  // Into the next segment, whose start tells of the fanout.
  node.queues.sweep();
  node.queues.sweep();
  for (const text of ["one", "two"]) node.put("q+audit", text);
  await node.get("q+audit", "open");
  node.queues.obtain("q+other");
  node.turn.endNow();
  const disk = node.disk.afterKill();
  const [file] = segments(disk);
  const whole = Buffer.from(disk.bytesOf(file!));
  const startSize = 12 + whole.readUInt32LE(12);
  for (let at = 0; at < 8 + 2 * startSize; at++) {
    const flipped = disk.afterKill();
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 4;
    flipped.setBytes(file!, bytes);
    const next = await node.afterKill(flipped);
    expect(next.queues.names(), `byte ${at}`).toEqual(["q+audit", "q+other"]);
    expect(await next.drain("q+audit"), `byte ${at}`).toEqual(["one", "two"]);
    await next.stop();
  }
});

test("what a recovery removes is never what it begins, whatever earlier ones have left", async () => {
  const node = await TestNode.start();
  node.put("q", "lost");
  const disk = node.disk.afterKill();
  const [only] = segments(disk);
  disk.files.delete(only!);
  // Two that an earlier recovery had removed or begun, and of which a power loss has left the names.
  for (const name of ["0000000000000001-00000003.log", "0000000000000002-00000002.log"]) {
    disk.setBytes(only!.replace(/[^/]+$/, name), Buffer.alloc(0));
  }
  const remove = disk.removeFile.bind(disk);
  disk.removeFile = (file) => Promise.resolve().then(() => remove(file));
  const next = await node.afterKill(disk);
  expect(next.put("q", "kept")).toBe("kept");
  await settle();
  const last = await next.afterKill();
  expect(await last.drain("q")).toEqual(["kept"]);
});

test("an empty segment that is back after its removal hides nothing of the one that went on in its place", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 300 } });
  const texts = ["one", "two", "three", "four"].map((text) => `${text} ${"-".repeat(60)}`);
  for (const text of texts) node.put("q", text);
  await node.get("q");
  const disk = node.disk.afterKill();
  expect(segments(disk).length).toBeGreaterThan(1);
  disk.setBytes(segments(disk)[0]!.replace(/[^/]+$/, "0000000000000002-00000009.log"), Buffer.alloc(0));
  const next = await node.afterKill(disk);
  expect(next.queue("q").length).toBe(3);
  expect(await next.drain("q")).toEqual(texts.slice(1));
});

test("an index that tells of items whose ids were given to others is not believed", async () => {
  const before = await TestNode.start({ default: { defaultJournalSizeBytes: 300 } });
  before.put("q", "one");
  before.put("q", "two");
  const node = await before.afterKill();
  const large = "-".repeat(200);
  node.put("q", large);
  const disk = node.disk.afterKill();
  const [closed, ...newer] = segments(disk);
  for (const file of newer) disk.files.delete(file);
  // A power loss has taken all behind the first item, but for the index.
  const bytes = Buffer.from(disk.bytesOf(closed!));
  bytes.fill(0, bytes.indexOf("one") + 3, bytes.indexOf(large) + large.length);
  disk.setBytes(closed!, bytes);
  const next = await node.afterKill(disk);
  expect(next.put("q", "new")).toBe("kept");
  const last = await next.afterKill();
  expect(last.queue("q").length).toBe(2);
  expect(await last.get("q", "open")).toMatchObject({ text: "one" });
  expect(await last.get("q", "open")).toMatchObject({ text: "new" });
  expect(last.queue("q").length).toBe(0);
});

test("a file that only looks like a segment, with an id beyond all ids, takes none from what comes", async () => {
  let node = await TestNode.start();
  node.put("q", "a");
  const disk = node.disk.afterKill();
  const stray = segments(disk)[0]!.replace(/[^/]+$/, "9999999999999999-99999999.log");
  disk.setBytes(stray, Buffer.from("no segment"));
  node = await node.afterKill(disk);
  for (const text of ["b", "c"]) {
    expect(node.put("q", text)).toBe("kept");
    node = await node.afterKill();
  }
  expect(await node.drain("q")).toEqual(["a", "b", "c"]);
  expect(segments(node.disk)).toContain(stray);
});

test("of a file that has become shorter since it was scanned, what memory held before is not counted", async () => {
  const node = await TestNode.start();
  for (const text of ["one", "two", "three"]) node.put("q", text);
  const disk = node.disk.afterKill();
  const [file] = segments(disk);
  const scan = SegmentScan.read(disk, file!);
  expect([...scan.records()].filter(({ type }) => type === "put")).toHaveLength(3);
  const [place] = scan.places;
  const stale = Buffer.from(disk.bytesOf(file!).subarray(place!.offset, place!.offset + place!.size));
  scan.segment.file!.truncate(place!.offset + stale.indexOf("two"));
  vi.spyOn(Buffer, "allocUnsafeSlow").mockImplementation(() => Buffer.from(stale));
  const reader = { number: 0, name: "", items: 3, bytes: 11, done: new IdRanges() };
  const found = { segments: [scan], readers: [reader], nextId: 4, present: IdRanges.of([[1, 4]]) };
  reconcile({ ...found, folder: "spool/q", toldFrom: 0, mustCount: true }, node.log);
  vi.restoreAllMocks();
  expect([reader.items, reader.bytes, [...reader.done]]).toEqual([
    1,
    3,
    [
      [0, 1],
      [2, 4],
    ],
  ]);
});
