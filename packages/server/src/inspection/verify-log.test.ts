/** What is told of a log, damaged in every way, is what a start then does with it; and telling changes nothing. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FakeDisk } from "../testing/fake-disk.ts";
import { anySteps, range, runHistory, smallSegments } from "../testing/log-history.ts";
import { TestNode } from "../testing/node.ts";
import type { LogReport } from "./log-report.ts";
import { verifyLog } from "./verify-log.ts";

/** `KESTREL_VERIFY_RUNS` says how many histories, `KESTREL_SEED` repeats some. */
const options = {
  numRuns: Number(process.env.KESTREL_VERIFY_RUNS ?? 100),
  // A long history takes long to shrink, and the seed is to be seen before the test is out of time.
  endOnFailure: true,
  ...(process.env.KESTREL_SEED ? { seed: Number(process.env.KESTREL_SEED) } : {}),
};

/** Places are shares of the whole, in 1/1000, so that they shrink well. */
type Harm =
  | { do: "cut" | "remove" | "zero" | "grow"; file: number; at: number }
  | { do: "flip"; file: number; at: number; bits: number };

const share = fc.nat(999);
const anyHarm: fc.Arbitrary<Harm> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom("cut" as const, "zero" as const, "grow" as const, "remove" as const),
      file: share,
      at: share,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("flip" as const),
      file: fc.oneof(share, fc.constant(999)),
      at: share,
      bits: fc.integer({ min: 1, max: 255 }),
    }),
  },
);

function segmentsOf(disk: FakeDisk): string[] {
  return [...disk.files.keys()].filter((file) => file.startsWith("spool/q/")).sort();
}

function harm(disk: FakeDisk, harms: readonly Harm[]): void {
  for (const one of harms) {
    const files = segmentsOf(disk);
    if (files.length === 0) return;
    const file = files[Math.floor((one.file / 1000) * files.length)]!;
    const bytes = Buffer.from(disk.bytesOf(file));
    const at = Math.floor((one.at / 1000) * bytes.length);
    if (one.do === "remove") disk.files.delete(file);
    else if (one.do === "cut") disk.setBytes(file, bytes.subarray(0, at));
    else if (one.do === "zero") disk.setBytes(file, bytes.fill(0, at));
    else if (one.do === "grow") disk.setBytes(file, Buffer.concat([bytes, Buffer.alloc(one.at, one.at)]));
    else if (one.do === "flip" && bytes.length > 0) {
      bytes[at]! ^= one.bits;
      disk.setBytes(file, bytes);
    }
  }
}

/** All that a start finds: per queue the ids of the items, and the bytes of their data. */
interface Found {
  ids: number[];
  bytes: number;
}

async function startOn(
  disk: FakeDisk,
): Promise<{ found: Map<string, Found>; nextId: number; node: TestNode }> {
  const node = await TestNode.start(smallSegments, disk);
  const nextId =
    node.queues.find("q")?.reader.log.nextId ?? node.queues.all().next().value!.reader.log.nextId;
  const found = new Map<string, Found>();
  for (const name of node.queues.names()) {
    const one: Found = { ids: [], bytes: 0 };
    for (let got = await node.get(name); got !== null; got = await node.get(name)) {
      one.ids.push(got.id);
      one.bytes += Buffer.byteLength(got.text);
    }
    expect([node.queue(name).length, node.queue(name).bytes], `left over in ${name}`).toEqual([0, 0]);
    found.set(name, one);
  }
  return { found, nextId, node };
}

function contentOf(disk: FakeDisk): Map<string, string> {
  return new Map([...disk.files.keys()].map((file) => [file, disk.bytesOf(file).toString("latin1")]));
}

async function compare(
  disk: FakeDisk,
): Promise<{ report: LogReport; found: Map<string, Found>; nextId: number }> {
  const before = contentOf(disk);
  const report = await verifyLog("spool/q", { source: disk });
  expect(contentOf(disk)).toEqual(before);
  const { found, nextId, node } = await startOn(disk.afterKill());
  const told = report.readers.map(({ name, items, bytes }) => ({ name, items, bytes }));
  const had = [...found].map(([name, { ids, bytes }]) => ({ name, items: ids.length, bytes }));
  const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
  expect(told.sort(byName)).toEqual(had.sort(byName));
  for (const { name, lostIds, lostItems } of report.readers) {
    const lost = new Set(lostIds.flatMap(([from, to]) => [...range(from, to)]));
    expect(lost.size).toBe(lostItems);
    expect(found.get(name)!.ids.filter((id) => lost.has(id))).toEqual([]);
  }
  // Whatever a start complains of was told before: the file and the place.
  const complaints = ["damage in the journal", "the journal's tail is torn; cut"];
  for (const { fields } of complaints.flatMap((message) => node.log.having(message))) {
    const { file, offset, size } = fields as { file: string; offset: number; size: number };
    const isTold = report.faults.some(
      (fault) => fault.path === file && fault.offset <= offset && offset + size <= fault.offset + fault.size,
    );
    expect(isTold, JSON.stringify([fields, report.faults])).toBe(true);
  }
  await node.stop();
  return { report, found, nextId };
}

describe("verify agrees with what a start then does", () => {
  test("on a log that was killed: all is sound", async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const { disk, live } = await runHistory(steps);
        const { report, found } = await compare(disk);
        expect(report.faults).toEqual([]);
        expect(report.isSound).toBe(true);
        for (const [name, ids] of live) expect(found.get(name)!.ids, name).toEqual([...ids]);
      }),
      options,
    );
  });

  test("on a damaged log: what is not lost is kept", async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, fc.array(anyHarm, { minLength: 1, maxLength: 3 }), async (steps, harms) => {
        const { disk, live } = await runHistory(steps);
        harm(disk, harms);
        const { report, found, nextId } = await compare(disk);
        const isOneHarm = harms.length === 1;
        for (const [name, ids] of live) {
          const reader = report.readers.find((one) => one.name === name);
          if (reader === undefined || !isOneHarm) continue;
          const left = new Set(found.get(name)!.ids);
          for (const [from, to] of reader.lostIds) for (const id of range(from, to)) left.add(id);
          // Of the items before the cut each is there or told to be lost.
          const neither = [...ids].filter((id) => id < nextId && !left.has(id));
          expect(neither, name).toEqual([]);
        }
      }),
      options,
    );
  });

  test("after a power loss: what was put before the last sync is kept", async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        const { lossy, live, syncedNextId } = await runHistory(steps, 100);
        const { found } = await compare(lossy);
        for (const [name, ids] of live) {
          const left = new Set(found.get(name)?.ids);
          const lost = [...ids].filter((id) => id < syncedNextId && !left.has(id));
          expect(lost, name).toEqual([]);
        }
      }),
      options,
    );
  });

  test("after a power loss where nothing was ever synced", async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        await compare((await runHistory(steps)).lossy);
      }),
      options,
    );
  });
});
