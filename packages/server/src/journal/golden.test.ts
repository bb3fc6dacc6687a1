/**
 * Journals as each version of the format was written, in `golden/<version>`: they must be read for ever. When the
 * format changes, the folder of the old version stays and a new one is made:
 *
 *     KESTREL_WRITE_GOLDEN=1 vitest run packages/server/src/journal/golden.test.ts
 *
 * writes the folder of the present version. A change of bytes that nobody meant shows in the last test.
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { describeLog } from "../inspection/describe-log.ts";
import { renderLogEntry } from "../inspection/render-log.ts";
import { verifySpool } from "../inspection/verify-spool.ts";
import type { QueueRulesOptions } from "../settings/queue-rules.ts";
import { FakeDisk } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";

const present = "3";
const root = fileURLToPath(new URL("golden", import.meta.url));

interface GoldenItem {
  readonly id: number;
  readonly base64: string;
  readonly flags: number;
  readonly addTimeMs: number;
  readonly expiryMs: number;
}
type GoldenQueues = Record<string, GoldenItem[]>;

const rules: QueueRulesOptions = {
  default: { defaultJournalSizeBytes: 700, maxJournalSizeBytes: 1000, minJournalCompactDelayMs: 0 },
  queues: [["photos", { fanoutOnly: true }]],
};

async function settle(): Promise<void> {
  for (let round = 0; round < 100; round++) await Promise.resolve();
}

/** One of everything that a journal can hold; the node was killed. */
async function history(): Promise<FakeDisk> {
  const node = await TestNode.start(rules);
  const put = (name: string, data: Buffer, flags = 0, expiryMs = 0): void => {
    node.queues.put(name, data, 0, data.length, flags, expiryMs);
    node.clock.advance(10);
  };
  node.queues.obtain("orders");
  // One frame of several records.
  put("orders", Buffer.from("first"), 7);
  put("orders", Buffer.alloc(0));
  node.turn.endNow();
  node.queues.obtain("orders+audit");
  node.queues.obtain("orders+brief");
  // Enough to fill segments, of which some are rewritten: one of every six items stays.
  for (let number = 0; number < 30; number++) {
    put("orders", Buffer.from(`order ${number} of ${"many ".repeat(6)}`));
    node.turn.endNow();
    for (const name of ["orders", "orders+audit"])
      if (number % 6 > 0) await node.get(name, number % 6 === 1 ? "open" : "take");
    if (number === 6) {
      node.queues.flush("orders+brief");
      node.queues.delete("orders+brief");
      node.turn.endNow();
    }
    await settle();
  }
  put("orders+audit", Buffer.from("for the audit alone"));
  node.turn.endNow();
  put("photos", Buffer.from("nobody keeps this"));
  node.queues.obtain("photos+größe");
  put("photos", Buffer.from("a photo"));
  node.turn.endNow();
  node.put("emptied", "gone");
  await node.get("emptied");
  put("orders", Buffer.from([0, 1, 2, 0xfd, 0xfe, 0xff]), 0xffff_ffff, node.clock.now() + 86_400_000);
  node.put("orders", "the last");
  node.queues.obtain("orders+short");
  node.turn.endNow();
  node.queues.delete("orders+short");
  node.turn.endNow();
  return node.disk.afterKill();
}

function filesOf(disk: FakeDisk): Map<string, Buffer> {
  const names = [...disk.files.keys()].filter((name) => name.endsWith(".log"));
  return new Map(names.sort().map((name) => [path.relative("spool", name), Buffer.from(disk.bytesOf(name))]));
}

function readFiles(version: string): Map<string, Buffer> {
  const spool = path.join(root, version, "spool");
  const names = fs.readdirSync(spool, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(".log")).sort();
  return new Map(files.map((name) => [name, fs.readFileSync(path.join(spool, name))]));
}

function diskOf(files: ReadonlyMap<string, Buffer>): FakeDisk {
  const disk = new FakeDisk();
  for (const [name, bytes] of files) {
    disk.makeFolder(path.join("spool", path.dirname(name)));
    disk.setBytes(path.join("spool", name), bytes);
  }
  return disk;
}

/** All that a node finds, queue by queue. */
async function itemsOn(disk: FakeDisk): Promise<GoldenQueues> {
  const node = await TestNode.start(rules, disk);
  const queues: GoldenQueues = {};
  for (const name of node.queues.names().sort()) {
    const items: GoldenItem[] = [];
    const { reader } = node.queue(name);
    for (let found = reader.find(); found !== "none"; found = reader.find()) {
      if (found === "loading") {
        await new Promise<void>((resolve) => (reader.onLoaded = () => resolve()));
        continue;
      }
      const { id, flags, addTimeMs, expiryMs, buffer, start, end } = reader.view;
      items.push({ id, base64: buffer.toString("base64", start, end), flags, addTimeMs, expiryMs });
      reader.take();
    }
    queues[name] = items;
  }
  return queues;
}

async function dumpOf(disk: FakeDisk): Promise<string> {
  let text = "";
  for (const name of disk.list("spool").filter((one) => disk.isFolder(path.join("spool", one)))) {
    const folder = path.join("spool", name);
    for await (const entry of describeLog(folder, { source: disk, withData: true }))
      text += `${renderLogEntry(entry, "spool")}\n`;
  }
  return text;
}

if (process.env.KESTREL_WRITE_GOLDEN) {
  const disk = await history();
  const folder = path.join(root, present);
  fs.rmSync(folder, { recursive: true, force: true });
  for (const [name, bytes] of filesOf(disk)) {
    const file = path.join(folder, "spool", name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes);
  }
  fs.writeFileSync(path.join(folder, "dump.txt"), await dumpOf(disk));
  const lines = Object.entries(await itemsOn(disk)).map((queue) => `${JSON.stringify(queue)}\n`);
  fs.writeFileSync(path.join(folder, "items.jsonl"), lines.join(""));
}

describe.each(fs.readdirSync(root).filter((name) => /^\d+$/.test(name)))("format %s", (version) => {
  test("is read: every item, with its times and flags", async () => {
    const lines = fs
      .readFileSync(path.join(root, version, "items.jsonl"), "utf8")
      .trimEnd()
      .split("\n");
    const expected = Object.fromEntries(lines.map((line) => JSON.parse(line))) as GoldenQueues;
    expect(Object.values(expected).flat().length).toBeGreaterThan(10);
    expect(await itemsOn(diskOf(readFiles(version)))).toEqual(expected);
  });

  test("is found sound, and told as it was then", async () => {
    const disk = diskOf(readFiles(version));
    for await (const report of verifySpool("spool", { source: disk }))
      expect([report.folder, report.faults]).toEqual([report.folder, []]);
    expect(await dumpOf(disk)).toBe(fs.readFileSync(path.join(root, version, "dump.txt"), "utf8"));
  });

  test("goes on in the present format", async () => {
    const node = await TestNode.start(rules, diskOf(readFiles(version)));
    const length = node.queue("orders").length;
    expect(node.put("orders", "new")).toBe("kept");
    const next = await node.afterKill();
    const left = await next.drain("orders");
    expect([left.length, left.at(-1)]).toEqual([length + 1, "new"]);
  });

  test("has one of everything", () => {
    const dump = fs.readFileSync(path.join(root, version, "dump.txt"), "utf8");
    for (const words of [
      "put",
      "done",
      "added",
      "removed",
      "rewritten",
      "index",
      "footer",
      "for fanouts",
      "expires",
    ])
      expect(dump, words).toContain(words);
  });
});

test(`today's code writes format ${present}, byte for byte`, async () => {
  const today = filesOf(await history());
  expect([...today.keys()]).toEqual([...readFiles(present).keys()]);
  for (const [name, bytes] of readFiles(present))
    expect(today.get(name)?.toString("hex"), name).toBe(bytes.toString("hex"));
});
