/**
 * The log cut at every byte, and a byte flipped at every position of a small log: recovery always gives a state
 * that could have been, keeps all that the damage did not touch, and says what it found.
 */
import { expect, test } from "vitest";
import { type FakeDisk, systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { frameHeadSize } from "./frame.ts";
import { putHeadSize } from "./record.ts";

const small = { default: { defaultJournalSizeBytes: 400 } };

/** Twelve items over several segments, each put in a turn of its own; three taken, one open. */
async function filledDisk(): Promise<FakeDisk> {
  const node = await TestNode.start(small);
  for (let number = 0; number < 12; number++) node.put("q", `item-${String(number).padStart(2, "0")}`);
  for (let number = 0; number < 3; number++) expect((await node.get("q"))?.text).toBe(`item-0${number}`);
  await node.get("q", "open");
  return node.disk.afterKill();
}

const all = ["03", "04", "05", "06", "07", "08", "09", "10", "11"].map((number) => `item-${number}`);

function lastSegment(disk: FakeDisk): string {
  return [...disk.files.keys()]
    .filter((file) => file.endsWith(".log"))
    .sort()
    .pop()!;
}

test("a log cut at any byte of its last segment keeps all before the cut", async () => {
  const disk = await filledDisk();
  const file = lastSegment(disk);
  const whole = Buffer.from(disk.bytesOf(file));
  let before: string[] = [];
  for (let size = 0; size <= whole.length; size++) {
    const cut = disk.afterKill();
    cut.setBytes(file, whole.subarray(0, size));
    const node = await TestNode.start(small, cut);
    const left = await node.drain("q");
    // Items in order, none made up, none missing in the middle; more bytes never mean fewer puts.
    const start = all.length - left.length;
    expect(left.slice(-1)[0] === undefined || all.includes(left.slice(-1)[0]!)).toBe(true);
    const known = ["item-00", "item-01", "item-02", ...all];
    const from = known.indexOf(left[0] ?? "");
    if (left.length > 0)
      expect(left, `cut at ${size}, from ${start}`).toEqual(known.slice(from, from + left.length));
    expect(known.indexOf(left[left.length - 1] ?? "")).toBeGreaterThanOrEqual(
      known.indexOf(before[before.length - 1] ?? ""),
    );
    before = left;
    await node.stop();
  }
  expect(before).toEqual(all);
});

test("a node that recovered from a cut goes on, and recovers again", async () => {
  const disk = await filledDisk();
  const file = lastSegment(disk);
  const whole = Buffer.from(disk.bytesOf(file));
  for (let size = 0; size <= whole.length; size += 7) {
    const cut = disk.afterKill();
    cut.setBytes(file, whole.subarray(0, size));
    const node = await TestNode.start(small, cut);
    expect(node.put("q", "new")).toBe("kept");
    const next = await node.afterKill();
    const left = await next.drain("q");
    expect(left.pop()).toBe("new");
    expect(next.log.having("damage in the journal")).toEqual([]);
    await next.stop();
  }
});

test("a flipped byte anywhere loses only what it touched, and the log says what", async () => {
  const disk = await filledDisk();
  const known = ["item-00", "item-01", "item-02", ...all];
  for (const file of [...disk.files.keys()].filter((name) => name.endsWith(".log"))) {
    const whole = Buffer.from(disk.bytesOf(file));
    for (let at = 0; at < whole.length; at++) {
      const flipped = disk.afterKill();
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x41;
      flipped.setBytes(file, bytes);
      const node = await TestNode.start(small, flipped);
      const counted = node.queue("q").length;
      const left = await node.drain("q");
      const label = `byte ${at} of ${file}`;
      // In order, each once, none made up.
      expect(left, label).toEqual(known.filter((text) => left.includes(text)));
      const missing = all.filter((text) => !left.includes(text));
      expect(missing.length, label).toBeLessThanOrEqual(1);
      // A lost done record brings its items back; a lost item is told with file, offset and id.
      for (const text of missing) {
        const id = known.indexOf(text) + 1;
        const said = node.log.lines.filter(
          ({ fields }) => fields.file === file && typeof fields.offset === "number" && fields.offset <= at,
        );
        expect(said.length, label).toBeGreaterThan(0);
        const names = said.some(
          ({ fields }) =>
            fields.firstLostId === id ||
            (fields.lostIds as [number, number][] | undefined)?.some(([from, to]) => from <= id && id < to),
        );
        expect(names, `${label} names id ${id}: ${JSON.stringify(said)}`).toBe(true);
      }
      expect(node.queue("q").length, label).toBe(0);
      expect(node.queue("q").bytes, label).toBe(0);
      // Where the damage shows at the start it is counted at the start.
      if (missing.length === 0) expect(counted, label).toBe(left.length);
      await node.stop();
    }
  }
}, 120_000);

test("damaged bytes are set aside", async () => {
  const disk = await filledDisk();
  const file = [...disk.files.keys()].filter((name) => name.endsWith(".log")).sort()[1]!;
  const bytes = Buffer.from(disk.bytesOf(file));
  const at = bytes.indexOf("item-") + 2;
  bytes[at] = 0x58;
  disk.setBytes(file, bytes);
  const node = await TestNode.start(small, disk);
  await node.drain("q");
  const [line] = node.log.having("damage in the journal");
  expect(line?.level).toBe("error");
  const aside = line?.fields.aside as string;
  expect(node.disk.bytesOf(aside).includes(Buffer.from("itXm-"))).toBe(true);
});

test("an item that holds the bytes of a frame is never taken for one", async () => {
  const node = await TestNode.start();
  node.put("q", "first");
  const file = lastSegment(node.disk);
  const inside = Buffer.from(node.disk.bytesOf(file));
  node.queues.put("q", inside, 0, inside.length, 0, 0);
  node.turn.endNow();
  node.put("q", "last");
  // Damage the frame that holds the copy: its content must not come back to life.
  const disk = node.disk.afterKill();
  const bytes = Buffer.from(disk.bytesOf(file));
  bytes[inside.length + 30]! ^= 1;
  disk.setBytes(file, bytes);
  const next = await TestNode.start({}, disk);
  expect(await next.drain("q")).toEqual(["first", "last"]);
});

test.each([
  ["given back before", true, true],
  ["given back after", false, true],
  ["confirmed after", false, false],
] as const)(
  "an open item that is damaged in the file, %s that is noticed, is done with",
  async (_when, isBefore, isAbort) => {
    const node = await TestNode.start({
      default: { defaultJournalSizeBytes: 20_000, maxMemorySizeBytes: 1000 },
    });
    const texts = Array.from({ length: 100 }, (_, number) => `item ${number} ${"-".repeat(1000)}`);
    node.queues.ensure("q");
    for (const text of texts) node.put("q", text);
    const queue = node.queue("q");
    const [first, second] = [(await node.get("q", "open"))!.id, (await node.get("q", "open"))!.id];
    for (let number = 2; number < 99; number++) expect((await node.get("q"))?.text).toBe(texts[number]);
    const file = `spool/q/${node.segmentsOf("q")[0]}`;
    // The node's memory of them is gone by now: it is read back.
    const { bytes } = node.disk.files.get(file)!;
    for (const text of texts.slice(0, 2)) bytes[bytes.indexOf(text)]! ^= 1;
    if (isBefore) expect(queue.abort(first)).toBe(true);
    expect(queue.abort(second)).toBe(true);
    expect((await node.get("q", "peek"))?.text).toBe(texts[99]);
    if (!isBefore) expect(isAbort ? queue.abort(first) : queue.confirm(first)).not.toBe(false);
    for (const id of [first, second]) expect(queue.confirm(id)).toBe(false);
    expect([queue.length, queue.openLength]).toEqual([1, 0]);
    const next = await node.afterKill();
    expect(next.queue("q").length).toBe(1);
    for (const other of [next, node]) {
      expect(await other.drain("q")).toEqual([texts[99]]);
      expect([other.queue("q").length, other.queue("q").bytes]).toEqual([0, 0]);
    }
  },
);

test("readers outlive the segment that alone tells of them", async () => {
  const node = await TestNode.start({ default: { defaultJournalSizeBytes: 600 } });
  node.queues.obtain("q+audit");
  node.put("q", `first ${"-".repeat(600)}`);
  node.put("q", "second");
  await node.get("q");
  const newest = node.segmentsOf("q").at(-1);
  const disk = node.disk.afterKill();
  // Nothing of the readers' states in the newest segment can be read any more, nor their copy.
  const bytes = Buffer.from(disk.bytesOf(`spool/q/${newest}`));
  bytes.fill(0xff, 12, bytes.indexOf("second") - frameHeadSize - putHeadSize);
  disk.setBytes(`spool/q/${newest}`, bytes);
  const next = await node.afterKill(disk);
  expect(next.log.having("no readers' state is left: all items count as unread")).toEqual([]);
  expect(await next.drain("q+audit")).toHaveLength(2);
  next.clock.advance(1000);
  await new Promise((resolve) => setImmediate(resolve));
  const last = await next.afterKill();
  expect([last.queue("q+audit")?.length, last.queue("q").length]).toEqual([0, 1]);
  expect(last.log.having("no readers' state is left: all items count as unread")).toEqual([]);
});

test("ids without number are lost at once, as where a journal was tampered with", async () => {
  const node = await TestNode.start();
  for (const text of ["a", "b", "c"]) node.put("q", text);
  await node.get("q", "open");
  const { reader } = node.queue("q");
  reader.lose(1, Number.MAX_SAFE_INTEGER, 3);
  expect([reader.items, reader.openLength, reader.openBytes]).toEqual([0, 0, 0]);
});

async function tornDisk(): Promise<{ disk: FakeDisk; file: string; size: number }> {
  const node = await TestNode.start();
  node.put("q", "first");
  const file = lastSegment(node.disk);
  const { length: size } = node.disk.bytesOf(file);
  node.put("q", "second");
  const disk = node.disk.afterKill();
  const bytes = Buffer.from(disk.bytesOf(file));
  bytes[size]! ^= 1;
  disk.setBytes(file, bytes);
  return { disk, file, size };
}

test("a torn tail is cut off for good before anything is written in its place", async () => {
  const { disk, file, size } = await tornDisk();
  await TestNode.start({}, disk);
  expect(disk.bytesOf(file)).toHaveLength(size);
  // Less than a frame may come back.
  expect(disk.afterPowerLoss().bytesOf(file).length).toBeLessThanOrEqual(size + frameHeadSize);
});

test("a cut that a start could not finish is finished by the next one", async () => {
  const { disk, file, size } = await tornDisk();
  disk.fault = (operation, name) => {
    if (operation === "sync" && name === file) throw Object.assign(systemError("EIO", name), { path: name });
  };
  await expect(TestNode.start({}, disk)).rejects.toThrow(
    `cannot recover queue q: EIO: ${file}, file ${file}. The node has not started, and has removed no item.`,
  );
  const next = disk.afterKill();
  const node = await TestNode.start({}, next);
  expect(await node.drain("q")).toEqual(["first"]);
  expect(next.afterPowerLoss().bytesOf(file).length).toBeLessThanOrEqual(size + frameHeadSize);
});

test("what a start cuts off many logs is synced together", async () => {
  const { disk, file, size } = await tornDisk();
  const torn = disk.bytesOf(file);
  const names = ["q", "r", "s"];
  for (const name of names) {
    disk.folders.add(`spool/${name}`);
    disk.setBytes(file.replace("spool/q/", `spool/${name}/`), torn);
  }
  const sizesAtSync: number[] = [];
  disk.fault = (operation) => {
    if (operation !== "sync") return;
    sizesAtSync.push(...names.map((name) => disk.bytesOf(file.replace("spool/q/", `spool/${name}/`)).length));
  };
  await TestNode.start({}, disk);
  expect(sizesAtSync).toHaveLength(names.length ** 2);
  expect(Math.max(...sizesAtSync)).toBeLessThanOrEqual(size + frameHeadSize);
});
