/** A leak is found among noise, and noise is not taken for one; of a real node, too, into which one is planted. */

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { Random } from "../crash/random.ts";
import { findGrowth, roundsToJudge } from "./growth.ts";
import { type Footprint, WatchedNode } from "./watched-node.ts";

const megabyte = 1024 * 1024;
/** Of an hour. */
const rounds = 240;

/** A node that stays as it is, but for noise, and for so many MB more in the end of what leaks. */
function footprints(seed: number, leaks: Partial<Footprint> = {}): Footprint[] {
  const random = new Random(seed);
  const around = (value: number, noise: number): number => value + (random.next() - 0.5) * 2 * noise;
  return Array.from({ length: rounds }, (_, round) => {
    const leaked = (what: keyof Footprint): number => ((leaks[what] ?? 0) * round) / rounds;
    // It takes a while until everything has been compiled and every pool is full.
    const warm = Math.min(1, round / 40);
    return {
      heapBytes: around(10 * megabyte, 0.3 * megabyte) + warm * megabyte + leaked("heapBytes"),
      outsideBytes: around(20 * megabyte, megabyte) + leaked("outsideBytes"),
      residentBytes: around(130 * megabyte, 8 * megabyte) + warm * 20 * megabyte + leaked("residentBytes"),
      openFiles: Math.round(around(28, 1) + leaked("openFiles")),
      spoolFiles: 8 + Math.round(leaked("spoolFiles")),
      spoolBytes: around(25 * megabyte, 12 * megabyte) + leaked("spoolBytes"),
    };
  });
}

test("noise is no growth", () => {
  for (let seed = 1; seed <= 50; seed++) expect(findGrowth(footprints(seed)), `seed ${seed}`).toEqual([]);
});

test.each<[keyof Footprint, number, RegExp]>([
  ["heapBytes", 4 * megabyte, /^heap has grown from 1\d\.\d MB to 1\d\.\d MB$/],
  ["outsideBytes", 8 * megabyte, /^buffers has grown/],
  ["residentBytes", 120 * megabyte, /^resident has grown/],
  ["openFiles", 10, /^files and sockets has grown from \d+ to \d+$/],
  ["spoolFiles", 12, /^files on disk has grown/],
  ["spoolBytes", 64 * megabyte, /^disk has grown/],
])("%s that grow by %d in an hour are found", (what, leaked, said) => {
  for (let seed = 1; seed <= 50; seed++) {
    const [found, ...others] = findGrowth(footprints(seed, { [what]: leaked }));
    expect(found, `seed ${seed}`).toMatch(said);
    expect(others).toEqual([]);
  }
});

test.runIf(existsSync("/proc/self/fd"))(
  "a leak planted into a node is found, beside garbage that is none",
  async () => {
    await using leaking = await WatchedNode.start([], ["leak.js"]);
    await using well = await WatchedNode.start([]);
    const [grown, flat]: [Footprint[], Footprint[]] = [[], []];
    for (let round = 0; round < roundsToJudge; round++) {
      await using client = await well.node.client();
      for (let number = 0; number < 50; number++) {
        await client.put("q", "x".repeat(5_000));
        await client.get("q");
      }
      grown.push(await leaking.measure());
      flat.push(await well.measure());
    }
    expect(findGrowth(flat)).toEqual([]);
    expect(findGrowth(grown)).toContainEqual(expect.stringMatching(/^heap has grown/));
  },
);
