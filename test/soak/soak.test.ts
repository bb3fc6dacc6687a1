/**
 * One node under everything at once, round after round: puts of all sizes, plain and waiting gets, reliable reads
 * that end in every way, fanouts, the text protocol, items that expire, queues that come and go, clients that come
 * and go. Every item is accounted for at the end of each round, when the node is quiet, and memory, files and disk
 * are measured there: they must not have grown in the end. KESTREL_SOAK_MS lengthens it, the seed is printed.
 */

import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Ledger } from "../crash/ledger.ts";
import { Random } from "../crash/random.ts";
import { findFreePort } from "../harness/free-port.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { SoakRound } from "./round.ts";

const soakMs = Number(process.env.KESTREL_SOAK_MS ?? 5_000);
const roundMs = Math.min(15_000, Math.max(500, soakMs / 30));
const megabyte = 1024 * 1024;
/** Fewer rounds say nothing of growth. */
const roundsToJudge = 9;

/** Of the node at a moment when nothing is in flight and every queue is empty. */
interface Footprint {
  residentBytes: number;
  openFiles: number;
  spoolBytes: number;
}

test(`nothing lost, doubled or grown in ${soakMs / 1000} s`, { timeout: 2 * soakMs + 120_000 }, async () => {
  const random = Random.announced("KESTREL_SOAK_SEED");
  const textPort = await findFreePort();
  await using node = await KestrelNode.start({ flags: ["--text-port", String(textPort)] });
  const ledgers = ["plain", "reliable", "mixed", "texts"].map((name) => new Ledger(name));
  const footprints: Footprint[] = [];
  const endsAt = Date.now() + soakMs;
  let answers = 0;
  let items = 0;
  for (let number = 1; Date.now() < endsAt; number++) {
    const round = new SoakRound({ node, textPort, ledgers, random, name: `r${number}` });
    await round.run(roundMs);
    answers += round.answers;
    items += round.items;
    expect(round.violations, `round ${number}\n${node.logText()}`).toEqual([]);
    for (const ledger of ledgers) expect(ledger.violations, `round ${number}`).toEqual([]);
    if (existsSync("/proc/self/status")) footprints.push(await footprintOf(node));
  }
  const all = `${items.toLocaleString("en")} items, ${answers.toLocaleString("en")} answers`;
  console.log(`${all}: lost 0, doubled 0`);
  if (footprints.length > 0) tellGrowth(footprints);
  if (footprints.length >= roundsToJudge) expectFlat(footprints);
});

async function footprintOf(node: KestrelNode): Promise<Footprint> {
  const residentBytes = await node.residentBytes();
  const openFiles = (await readdir(`/proc/${node.pid}/fd`)).length;
  return { residentBytes, openFiles, spoolBytes: await bytesUnder(node.spool) };
}

/** Files may go while they are counted. */
async function bytesUnder(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function tellGrowth(footprints: readonly Footprint[]): void {
  const [middle, last] = halves(footprints);
  const megabytes = (bytes: number): string => `${Math.round(bytes / megabyte)} MB`;
  for (const [when, part] of [
    ["middle", middle],
    ["end", last],
  ] as const) {
    const memory = megabytes(median(part.map(({ residentBytes }) => residentBytes)));
    const files = median(part.map(({ openFiles }) => openFiles));
    const disk = megabytes(median(part.map(({ spoolBytes }) => spoolBytes)));
    console.log(`${when}: memory ${memory}, files and sockets ${files}, disk ${disk}`);
  }
}

/** The last third of the rounds beside the middle one; the first warms up. */
function expectFlat(footprints: readonly Footprint[]): void {
  const [middle, last] = halves(footprints);
  const of = (part: readonly Footprint[], what: keyof Footprint): number =>
    median(part.map((one) => one[what]));
  expect(of(last, "residentBytes"), "memory").toBeLessThan(1.2 * of(middle, "residentBytes") + 30 * megabyte);
  expect(of(last, "openFiles"), "files and sockets").toBeLessThanOrEqual(of(middle, "openFiles") + 3);
  expect(of(last, "spoolBytes"), "disk").toBeLessThan(1.2 * of(middle, "spoolBytes") + 64 * megabyte);
}

function halves(footprints: readonly Footprint[]): [Footprint[], Footprint[]] {
  const third = Math.floor(footprints.length / 3);
  return [
    footprints.slice(third, footprints.length - third),
    footprints.slice(footprints.length - third - 1),
  ];
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
