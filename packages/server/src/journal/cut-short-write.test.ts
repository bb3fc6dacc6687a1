/**
 * A kill in the middle of a write into a file that was another segment's before: nothing is lost, and what the start
 * sets aside ends soon behind that write, however much the file still holds of its former life.
 */
import { expect, test } from "vitest";
import { describeLog, type LogEntry } from "../inspection/describe-log.ts";
import { verifyLog } from "../inspection/verify-log.ts";
import { type FakeDisk, systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { spareSuffix } from "./finished-files.ts";

const KB = 1024;
const rules = { default: { defaultJournalSizeBytes: 2000 * KB } };
/** An end mark stands no further ahead of a write. */
const aheadBytes = 256 * KB + 12;

/** A turn: the sizes of the items it puts. */
type Sizes = readonly number[];
const turns: readonly (readonly [name: string, sizes: Sizes])[] = [
  ["a small item", [700]],
  ["a thousand small items", new Array<number>(1000).fill(300)],
  ["a large item", [900 * KB]],
  ["large and small items", [300 * KB, 2 * KB, 400 * KB, 2 * KB]],
  ["an item that ends beyond the old bytes", [2300 * KB]],
];

/** In a used file there is one small item, and behind it 2 MB of what the file held before. */
async function nodeInUsedFile(): Promise<TestNode> {
  const node = await TestNode.start(rules);
  for (let number = 0; number < 60; number++) {
    node.put("q", `${number} ${"-".repeat(100 * KB)}`);
    await node.get("q");
    for (let round = 0; round < 60; round++) await Promise.resolve();
    const { size, folderSize } = node.queue("q").reader.log;
    const spares = node.disk.list("spool/q").filter((file) => file.endsWith(spareSuffix));
    if (number > 40 && size < 150 * KB && folderSize > 2000 * KB * (1 + spares.length)) break;
  }
  node.put("q", "kept");
  return node;
}

function putTurn(node: TestNode, sizes: Sizes): void {
  for (const [index, size] of sizes.entries()) {
    const data = Buffer.alloc(size, 97 + (index % 26));
    node.queues.put("q", data, 0, size, 0, 0);
  }
  node.turn.endNow();
}

/** The disk of a node that is killed in its `stop`th write of a turn, when so many bytes of it are written; null: it has fewer. */
async function killedIn(sizes: Sizes, stop: number, bytes: number): Promise<FakeDisk | null> {
  const node = await nodeInUsedFile();
  const tail = node.queue("q").reader.log.tail.segment.file!.path;
  let writes = 0;
  let isOver = false;
  let killed: FakeDisk | null = null;
  node.disk.tornBytes = bytes;
  node.disk.fault = (operation, file) => {
    // With the next segment's file begins what comes after the turn.
    isOver ||= file !== tail;
    if (writes > stop) killed ??= node.disk.afterKill();
    else if (!isOver && operation === "write" && writes++ === stop) throw systemError("EINTR", file);
  };
  putTurn(node, sizes);
  await node.stop().catch(() => {});
  return killed;
}

async function entriesOf(disk: FakeDisk): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for await (const entry of describeLog("spool/q", { source: disk })) entries.push(entry);
  return entries;
}

test("the file holds what it should: one item, and 2 MB of its former life", async () => {
  const disk = (await nodeInUsedFile()).disk.afterKill();
  const stale = (await entriesOf(disk)).filter(({ kind }) => kind === "stale");
  expect(stale).toHaveLength(1);
  expect(stale[0]!.size).toBeGreaterThan(1800 * KB);
});

test.each(turns)("cut short at any step while it writes %s", async (_name, sizes) => {
  const written = sizes.reduce((sum, size) => sum + size + 64, 1000);
  let kills = 0;
  for (let stop = 0; ; stop++) {
    for (const bytes of [0, 11, 12, 100, 70 * KB, 600 * KB]) {
      const disk = await killedIn(sizes, stop, bytes);
      if (disk === null) {
        expect(kills).toBeGreaterThan(5);
        return;
      }
      kills++;
      const at = `write ${stop}, ${bytes} bytes`;
      const sizesTold = (await entriesOf(disk)).filter(({ kind }) => kind === "torn").map(({ size }) => size);
      expect((await entriesOf(disk)).filter(({ kind }) => kind === "damaged")).toEqual([]);
      for (const size of sizesTold) expect(size, at).toBeLessThanOrEqual(written + aheadBytes);
      const report = await verifyLog("spool/q", { source: disk });
      const faults = report.faults.filter(({ kind }) => kind !== "leftover");
      expect(
        faults.map(({ kind, size }) => ({ kind, size })),
        at,
      ).toEqual(sizesTold.map((size) => ({ kind: "torn", size })));
      const next = await TestNode.start(rules, disk);
      expect(next.log.having("damage in the journal"), at).toEqual([]);
      const aside = [...disk.files].filter(([file]) => file.endsWith(".damaged")).map(([, { size }]) => size);
      expect(aside, at).toEqual(sizesTold);
      expect((await next.drain("q"))[0], at).toBe("kept");
      await next.stop();
    }
  }
});
