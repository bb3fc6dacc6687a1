/** What a log's files say, in words; and that damage is told in its place. */
import { expect, test } from "vitest";
import { segmentSeed } from "../journal/frame.ts";
import { encodeFrame } from "../journal/segment.ts";
import type { FakeDisk } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { type DescribeOptions, describeLog, type LogEntry } from "./describe-log.ts";
import { renderLogEntry } from "./render-log.ts";

async function entriesOf(disk: FakeDisk, options: DescribeOptions = {}): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of describeLog("spool/q", { source: disk, ...options })) entries.push(entry);
  return entries;
}

async function linesOf(disk: FakeDisk, options: DescribeOptions = {}): Promise<string[]> {
  return (await entriesOf(disk, options)).map((entry) => renderLogEntry(entry, "spool"));
}

/** One of everything. */
async function filledDisk(): Promise<FakeDisk> {
  const rules = {
    default: { defaultJournalSizeBytes: 450 },
    queues: [["q", { fanoutOnly: false }]] as const,
  };
  const node = await TestNode.start(rules);
  const data = Buffer.from("hello");
  node.queues.put("q", data, 0, 5, 7, node.clock.now() + 60_000);
  node.turn.endNow();
  node.queues.obtain("q+audit");
  node.queues.put("q+audit", Buffer.from([0xff, 0]), 0, 2, 0, 0);
  node.turn.endNow();
  node.put("q", "for both");
  await node.get("q");
  node.put("q", "more");
  node.put("q", "and more");
  node.put("q", "in the next segment");
  node.queues.delete("q+audit");
  node.turn.endNow();
  return node.disk.afterKill();
}

test("every record has its place and its words", async () => {
  expect(await linesOf(await filledDisk(), { withData: true })).toMatchInlineSnapshot(`
    [
      "q/0000000000000001-00000001.log  segment 1, from item 1, 566 bytes, closed",
      "00000008  frame of 79 bytes",
      "00000014    journal of "q", created 2023-11-14T22:13:20.000Z",
      "0000002d    reader 0 is the queue: items 0, bytes 0, done 0",
      "00000057  frame of 53 bytes",
      "00000063    put 1, 5 bytes, added 2023-11-14T22:13:20.000Z, expires 2023-11-14T22:14:20.000Z, flags 7: "hello"",
      "0000008c  frame of 63 bytes",
      "00000098    reader 1 added: fanout "audit", from item 2",
      "000000ad    put 2, 2 bytes, added 2023-11-14T22:13:20.000Z, for reader 1: base64 /wA=",
      "000000cb  frame of 48 bytes",
      "000000d7    put 3, 8 bytes, added 2023-11-14T22:13:20.000Z: "for both"",
      "000000fb  frame of 44 bytes",
      "00000107    reader 0 done: 1, items 1, bytes 5",
      "00000127  frame of 44 bytes",
      "00000133    put 4, 4 bytes, added 2023-11-14T22:13:20.000Z: "more"",
      "00000153  frame of 48 bytes",
      "0000015f    put 5, 8 bytes, added 2023-11-14T22:13:20.000Z: "and more"",
      "00000183  frame of 59 bytes",
      "0000018f    put 6, 19 bytes, added 2023-11-14T22:13:20.000Z: "in the next segment"",
      "000001be  frame of 20 bytes",
      "000001ca    reader 1 removed",
      "000001d2  frame of 76 bytes",
      "000001de    index: ids 1-6, items 6, bytes 46, chunks 00000057+379 from 1",
      "0000021e  footer of 24 bytes",
      "q/0000000000000007-00000002.log  segment 2, from item 7, 87 bytes, open",
      "00000008  frame of 79 bytes",
      "00000014    journal of "q", created 2023-11-14T22:13:20.000Z",
      "0000002d    reader 0 is the queue: items 4, bytes 39, done 0-2",
    ]
  `);
});

test("without being asked for, no data", async () => {
  for (const entry of await entriesOf(await filledDisk()))
    if (entry.kind === "record" && entry.record.type === "put") expect(entry.record.data).toBe(null);
});

test("the places cover the files, without gap or overlap", async () => {
  const disk = await filledDisk();
  const ends = new Map<string, number>();
  for (const entry of await entriesOf(disk)) {
    if (entry.kind === "segment") ends.set(entry.path, 8);
    if (entry.kind !== "frame" && entry.kind !== "footer") continue;
    expect(entry.offset).toBe(ends.get(entry.path));
    ends.set(entry.path, entry.offset + entry.size);
  }
  expect(ends.size).toBe(2);
  for (const [file, end] of ends) expect(end).toBe(disk.bytesOf(file).length);
});

test("damage is told in its place, and everything around it", async () => {
  const disk = await filledDisk();
  const [first, second] = [...disk.files.keys()].filter((file) => file.startsWith("spool/q/")) as [
    string,
    string,
  ];
  const sound = await linesOf(disk);
  const flipped = Buffer.from(disk.bytesOf(first));
  flipped[0x70]! ^= 1;
  disk.setBytes(first, flipped);
  disk.setBytes(second, Buffer.concat([disk.bytesOf(second), Buffer.from("half a frame")]));
  disk.setBytes("spool/q/notes.txt", Buffer.from("by hand"));
  const lines = await linesOf(disk);
  expect(lines.filter((line) => !sound.includes(line))).toEqual([
    "00000057  DAMAGED: 53 bytes do not check",
    "q/0000000000000007-00000002.log  segment 2, from item 7, 99 bytes, open",
    "00000057  TORN: the last 12 bytes do not check, as a write that was cut short",
    "q/notes.txt  no segment, 7 bytes",
  ]);
  expect(sound.filter((line) => !lines.includes(line))).toHaveLength(3);
});

test("what a later version may have written is stepped over and told", async () => {
  const disk = await filledDisk();
  const [, file] = [...disk.files.keys()].filter((name) => name.startsWith("spool/q/")) as [string, string];
  const unknown = Buffer.from([99, 8, 0, 0, 3, 0, 0, 0, 1, 2, 3]);
  const tooLong = Buffer.from([99, 8, 0, 0, 200, 0, 0, 0, 1, 2, 3]);
  const seed = segmentSeed(file.slice(file.lastIndexOf("/") + 1));
  const frames = [encodeFrame([unknown], seed), encodeFrame([unknown, tooLong], seed)];
  const bytes = Buffer.concat([disk.bytesOf(file), ...frames]);
  bytes.write("KESTREL9", "latin1");
  disk.setBytes(file, bytes);
  expect((await linesOf(disk)).slice(-9)).toEqual([
    "q/0000000000000007-00000002.log  segment 2, from item 7, 144 bytes, open, does not begin with KESTREL3",
    "00000008  frame of 79 bytes",
    expect.stringContaining("journal of"),
    expect.stringContaining("reader 0"),
    "00000057  frame of 23 bytes",
    "00000063    record of unknown type 99",
    "0000006e  frame of 34 bytes",
    "0000007a    record of unknown type 99",
    "00000085  DAMAGED: 11 bytes do not check",
  ]);
});
