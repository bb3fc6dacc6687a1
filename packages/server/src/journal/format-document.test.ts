/** docs/journal-format.md is true: its example is what is written, and what is made by its words is understood. */
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { verifyLog } from "../inspection/verify-log.ts";
import { FakeDisk } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";

const page = readFileSync(new URL("../../../../docs/journal-format.md", import.meta.url), "utf8");

/** The bytes of the page's example. Each line says where it begins. */
function exampleOfPage(): Buffer {
  const [, example] = page.split("## An example");
  const parts: Buffer[] = [];
  let size = 0;
  for (const [, at, bytes] of example!.matchAll(/^ {4}([0-9a-f]{3}) {2}((?:[0-9a-f]{2} )+) +\S/gm)) {
    expect(Number.parseInt(at!, 16), `offset ${at}`).toBe(size);
    parts.push(Buffer.from(bytes!.replaceAll(" ", ""), "hex"));
    size += parts.at(-1)!.length;
  }
  return Buffer.concat(parts);
}

test("the example on this page", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 250 } });
  node.queues.obtain("work");
  node.turn.endNow();
  const put = (text: string, flags: number, expiryMs: number): void => {
    node.queues.put("work", Buffer.from(text), 0, text.length, flags, expiryMs);
  };
  put("one", 0, 0);
  put("two", 7, node.clock.now() + 60_000);
  node.turn.endNow();
  node.queues.obtain("work+audit");
  node.turn.endNow();
  await node.get("work");
  node.put("work", "three");
  const folder = "spool/work";
  const file = `${folder}/0000000000000001-00000001.log`;
  expect(exampleOfPage().toString("hex")).toBe(node.disk.bytesOf(file).toString("hex"));

  // And alone, as the page shows it, it is understood.
  const disk = new FakeDisk();
  disk.makeFolder(folder);
  disk.setBytes(file, exampleOfPage());
  const next = await TestNode.start({}, disk);
  expect([next.queue("work").length, next.queue("work+audit").length]).toEqual([2, 1]);
  expect(await next.drain("work")).toEqual(["two", "three"]);
  expect(await next.drain("work+audit")).toEqual(["three"]);
});

// A writer of journals from the page's words alone: none of the engine's own is used.

const u16 = (value: number): Buffer => Buffer.from([value & 255, value >> 8]);
const u32 = (value: number): Buffer => Buffer.concat([u16(value % 65536), u16(Math.floor(value / 65536))]);
const u64 = (value: number): Buffer =>
  Buffer.concat([u32(value % 2 ** 32), u32(Math.floor(value / 2 ** 32))]);

/** `head` is what of the head follows the first 8 bytes. */
function record(type: number, reader: number, head: Buffer[], ...body: Buffer[]): Buffer {
  const rest = Buffer.concat(head);
  const content = Buffer.concat(body);
  const start = [Buffer.from([type, 8 + rest.length]), u16(reader), u32(content.length)];
  return Buffer.concat([...start, rest, content]);
}

const put = (target: number, id: number, data: string, expires?: number): Buffer =>
  record(
    1,
    target,
    [u64(id), u64(5000 + id), u32(0), ...(expires === undefined ? [] : [u64(expires)])],
    Buffer.from(data),
  );
const done = (
  reader: number,
  items: number,
  bytes: number,
  ...ranges: [first: number, length: number][]
): Buffer =>
  record(
    2,
    reader,
    [u32(items), u64(bytes)],
    ...ranges.flatMap(([first, length]) => [u64(first), u32(length)]),
  );
const state = (
  reader: number,
  name: string,
  items: number,
  bytes: number,
  ...ranges: [first: number, end: number][]
): Buffer => {
  const text = Buffer.from(name);
  const finished = ranges.flatMap(([first, end]) => [u64(first), u64(end)]);
  return record(5, reader, [u64(items), u64(bytes)], u16(text.length), text, ...finished);
};
const segment = (firstId: number, queue: string): Buffer =>
  record(7, 0, [u64(firstId), u64(1_600_000_000_000)], Buffer.from(queue));

function frameIn(file: string) {
  return (...records: Buffer[]): Buffer => {
    const payload = Buffer.concat(records);
    const seed = crc32(Buffer.from(file));
    const crc = crc32(payload, (seed ^ payload.length) >>> 0);
    return Buffer.concat([Buffer.from([0x4b, 12]), u16(0x7e4c), u32(payload.length), u32(crc), payload]);
  };
}

/** A closed segment with four items, of which one is for one fanout and one for the fanouts alone. */
function closedSegment(file: string): Buffer {
  const frame = frameIn(file);
  const start = Buffer.concat([
    Buffer.from("KESTREL3"),
    frame(segment(1, "größe"), state(0, "", 0, 0, [0, 1])),
  ]);
  const content = Buffer.concat([
    frame(put(0, 1, "first"), put(0, 2, "second", 9_000_000_000_000)),
    frame(record(3, 4, [u64(3)], Buffer.from("audit")), put(5, 3, "for the audit")),
    frame(done(0, 1, 5, [1, 1]), put(65535, 4, "for fanouts")),
  ]);
  const index = frame(
    record(
      8,
      0,
      [u64(4), u64(5 + 6 + 13 + 11), u64(1), u64(5)],
      u64(start.length),
      u64(content.length),
      u64(1),
    ),
  );
  const place = Buffer.concat([u64(start.length + content.length), u64(index.length)]);
  return Buffer.concat([start, content, index, place, u32(crc32(place)), Buffer.from("KEND")]);
}

/** The one that follows: its states, a type from the future, a head that has grown, and a fanout that comes and goes. */
function newestSegment(file: string): Buffer {
  const frame = frameIn(file);
  const states = frame(
    segment(5, "größe"),
    state(0, "", 1, 6, [0, 2], [3, 5]),
    state(4, "audit", 2, 24, [0, 3]),
  );
  const grown = record(
    1,
    0,
    [u64(6), u64(7000), u32(0), u64(0), Buffer.from("from the future")],
    Buffer.from("sixth"),
  );
  return Buffer.concat([
    Buffer.from("KESTREL3"),
    states,
    states,
    frame(put(0, 5, "fifth"), record(200, 7, [Buffer.alloc(5)], Buffer.from("what is this"))),
    frame(grown, record(3, 9, [u64(7)], Buffer.from("short"))),
    frame(put(0, 7, "seventh"), record(4, 9, []), done(4, 1, 13, [3, 1])),
  ]);
}

const names = ["0000000000000001-00000001.log", "0000000000000005-00000002.log"] as const;

function handMade(): FakeDisk {
  const disk = new FakeDisk();
  disk.makeFolder("spool/größe");
  disk.setBytes(`spool/größe/${names[0]}`, closedSegment(names[0]));
  disk.setBytes(`spool/größe/${names[1]}`, newestSegment(names[1]));
  return disk;
}

test("a journal made by hand", async () => {
  const disk = handMade();
  expect(await verifyLog("spool/größe", { source: disk })).toMatchObject({ faults: [], isSound: true });
  const node = await TestNode.start({}, disk);
  expect(node.queues.names()).toEqual(["größe", "größe+audit"]);
  expect(node.queue("größe").reader.log.nextId).toBe(8);
  expect([node.queue("größe").length, node.queue("größe").bytes]).toEqual([4, 23]);
  expect([node.queue("größe+audit").length, node.queue("größe+audit").bytes]).toEqual([4, 28]);
  const { reader } = node.queue("größe");
  await node.get("größe", "peek");
  expect(reader.view).toMatchObject({ id: 2, addTimeMs: 5002, expiryMs: 9_000_000_000_000, flags: 0 });
  expect(await node.drain("größe")).toEqual(["second", "fifth", "sixth", "seventh"]);
  expect(await node.drain("größe+audit")).toEqual(["for fanouts", "fifth", "sixth", "seventh"]);
});

test("a journal made by hand is understood from its first segment on, too", async () => {
  const disk = handMade();
  disk.files.delete(`spool/größe/${names[1]}`);
  const node = await TestNode.start({}, disk);
  expect(await node.drain("größe")).toEqual(["second"]);
  expect(await node.drain("größe+audit")).toEqual(["for the audit", "for fanouts"]);
});
