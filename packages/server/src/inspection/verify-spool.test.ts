/** Reports of whole spools, and of logs whose parts contradict each other. */
import { expect, test } from "vitest";
import { encodeEndMark, segmentSeed } from "../journal/frame.ts";
import type { SegmentIndex } from "../journal/record.ts";
import { encodeSegmentEnd, findIndex } from "../journal/segment.ts";
import { type FakeDisk, systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { fileOf } from "./file-source.ts";
import type { LogReport } from "./log-report.ts";
import { verifyLog } from "./verify-log.ts";
import { verifySpool } from "./verify-spool.ts";

const small = { default: { defaultJournalSizeBytes: 300 } };

async function reportsOf(disk: FakeDisk): Promise<LogReport[]> {
  const reports: LogReport[] = [];
  for await (const report of verifySpool("spool", { source: disk })) reports.push(report);
  return reports;
}

async function filledDisk(): Promise<FakeDisk> {
  const node = await TestNode.start(small);
  node.queues.obtain("orders+audit");
  for (let number = 0; number < 12; number++) node.put("orders", `item ${number}`);
  for (let number = 0; number < 3; number++) await node.get("orders");
  node.put("mail", "letter");
  return node.disk.afterKill();
}

function segmentsOf(disk: FakeDisk, queue: string): string[] {
  return [...disk.files.keys()]
    .filter((file) => file.startsWith(`spool/${queue}/`) && file.endsWith(".log"))
    .sort();
}

test("every queue and fanout, what it would keep, and nothing else when all is well", async () => {
  const disk = await filledDisk();
  const reports = await reportsOf(disk);
  expect(reports.map(({ folder, isSound, faults }) => ({ folder, isSound, faults }))).toEqual([
    { folder: "spool/mail", isSound: true, faults: [] },
    { folder: "spool/orders", isSound: true, faults: [] },
  ]);
  expect(reports[1]?.readers).toEqual([
    { name: "orders", items: 9, bytes: 56, lostIds: [], lostItems: 0 },
    { name: "orders+audit", items: 12, bytes: 74, lostIds: [], lostItems: 0 },
  ]);
  const sizes = segmentsOf(disk, "orders").map((file) => disk.bytesOf(file).length);
  expect(reports[1]).toMatchObject({ segmentLength: sizes.length, size: sizes.reduce((a, b) => a + b) });
});

test("a flipped byte costs its item, and says whose", async () => {
  const disk = await filledDisk();
  const file = segmentsOf(disk, "orders").find((name) => disk.bytesOf(name).includes("item 5"))!;
  const bytes = Buffer.from(disk.bytesOf(file));
  bytes[bytes.indexOf("item 5")]! ^= 1;
  disk.setBytes(file, bytes);
  const report = await verifyLog("spool/orders", { source: disk });
  expect(report.readers).toEqual([
    { name: "orders", items: 8, bytes: 50, lostIds: [[6, 7]], lostItems: 1 },
    { name: "orders+audit", items: 11, bytes: 68, lostIds: [[6, 7]], lostItems: 1 },
  ]);
  expect(report).toMatchObject({ isSound: false, faultLength: 1, unsoundBytes: 46 });
  expect(report.faults[0]).toMatchObject({ path: file, kind: "damaged", size: 46 });
});

test("a cut tail, a lost file, what a crash leaves", async () => {
  const disk = await filledDisk();
  const files = segmentsOf(disk, "orders");
  const newest = files.at(-1)!;
  const whole = disk.bytesOf(newest);
  // Its file was another segment's before.
  const end = whole.indexOf(encodeEndMark(segmentSeed(newest.slice(newest.lastIndexOf("/") + 1))));
  disk.setBytes(newest, Buffer.concat([whole.subarray(0, end), Buffer.from("half a frame")]));
  disk.files.delete(files[1]!);
  disk.setBytes(`${files[0]}~`, Buffer.from("unfinished"));
  disk.setBytes("spool/orders/0000000000000099-00000099.log", Buffer.alloc(0));
  disk.folders.add("spool/~0");
  disk.folders.add("spool/not.a.queue");
  const reports = await reportsOf(disk);
  expect(reports.map(({ folder, isSound }) => [folder, isSound])).toEqual([
    ["spool/mail", true],
    ["spool/orders", false],
    ["spool/~0", true],
  ]);
  const { faults, readers } = reports[1]!;
  expect(faults.map(({ path, kind, offset, size }) => ({ path, kind, offset, size }))).toEqual([
    { path: `${files[0]}~`, kind: "leftover", offset: 0, size: 10 },
    { path: "spool/orders/0000000000000099-00000099.log", kind: "leftover", offset: 0, size: 0 },
    { path: newest, kind: "torn", offset: disk.bytesOf(newest).length - 12, size: 12 },
    { path: "spool/orders", kind: "missing", offset: 0, size: 0 },
    { path: "spool/orders", kind: "missing", offset: 0, size: 0 },
  ]);
  expect(faults[2]?.reason).toBe("its last 12 bytes do not check; items from 13 on may have been there");
  for (const reader of readers) expect(reader.lostItems).toBeGreaterThan(0);
});

test.each<[string, (index: SegmentIndex) => SegmentIndex, string]>([
  ["too many items", (index) => ({ ...index, items: index.items + 1 }), "the index tells of"],
  ["another first id", (index) => ({ ...index, firstId: index.firstId + 1 }), "the index begins with item"],
  ["no chunks", (index) => ({ ...index, chunks: [] }), "there are items behind the last chunk"],
  [
    "a chunk that begins too late",
    (index) => ({
      ...index,
      chunks: index.chunks.map((chunk) => ({ ...chunk, firstId: chunk.firstId + 1 })),
    }),
    "is in chunk 0, where it should not be",
  ],
  [
    "a chunk that begins between frames",
    (index) => ({ ...index, chunks: index.chunks.map((chunk) => ({ ...chunk, offset: chunk.offset + 1 })) }),
    "chunk 0",
  ],
  [
    "a chunk behind the end",
    (index) => ({ ...index, chunks: index.chunks.map((chunk) => ({ ...chunk, size: 1e9 })) }),
    "chunk 0 has no place in the file",
  ],
])("an index with %s is found out", async (_, change, words) => {
  const disk = await filledDisk();
  const file = segmentsOf(disk, "orders")[1]!;
  const bytes = disk.bytesOf(file);
  const seed = segmentSeed(file.slice(file.lastIndexOf("/") + 1));
  const { index, offset } = findIndex(fileOf(bytes), seed)!;
  const end = encodeSegmentEnd(seed, offset, change(index));
  disk.setBytes(file, Buffer.concat([bytes.subarray(0, offset), end]));
  const { faults, isSound } = await verifyLog("spool/orders", { source: disk });
  expect(isSound).toBe(false);
  expect(faults.map(({ reason }) => reason).join("; ")).toContain(words);
});

test("an older segment without its index is told, and costs nothing", async () => {
  const disk = await filledDisk();
  const file = segmentsOf(disk, "orders")[1]!;
  const bytes = disk.bytesOf(file);
  const { offset } = findIndex(fileOf(bytes), segmentSeed(file.slice(file.lastIndexOf("/") + 1)))!;
  disk.setBytes(file, bytes.subarray(0, offset));
  const { faults, isSound } = await verifyLog("spool/orders", { source: disk });
  expect(faults).toMatchObject([{ kind: "unindexed", path: file }]);
  expect(isSound).toBe(true);
});

test("a file that cannot be read is a fault; one that has just gone is looked for anew", async () => {
  const disk = await filledDisk();
  const [first] = segmentsOf(disk, "orders");
  disk.fault = (operation, file) => {
    if (operation === "read" && file === first) throw systemError("EIO", file);
  };
  const broken = await verifyLog("spool/orders", { source: disk });
  expect(broken).toMatchObject({ isSound: false, readers: [], faults: [{ kind: "unreadable" }] });
  let opens = 0;
  disk.fault = (operation, file) => {
    if (operation === "open" && file === first && ++opens === 1) throw systemError("ENOENT", file);
  };
  expect(await verifyLog("spool/orders", { source: disk })).toMatchObject({ isSound: true });
});

test("it can be given up between two segments", async () => {
  const disk = await filledDisk();
  const gaveUp = new AbortController();
  const seen: number[] = [];
  const checking = verifyLog("spool/orders", {
    source: disk,
    signal: gaveUp.signal,
    onProgress: (bytes) => {
      seen.push(bytes);
      gaveUp.abort();
    },
  });
  await expect(checking).rejects.toMatchObject({ name: "AbortError" });
  expect(seen).toHaveLength(1);
});
