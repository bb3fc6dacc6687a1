/**
 * One node under everything at once, round after round: puts of all sizes, plain and waiting gets, reliable reads
 * that end in every way, fanouts, the text protocol, items that expire, queues that come and go, clients that come
 * and go. Every item is accounted for at the end of each round, when the node is quiet, and memory without
 * garbage, files and disk are measured there: they must not have grown in the end. KESTREL_SOAK_MS lengthens it, the seed is printed.
 */

import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { Ledger } from "../crash/ledger.ts";
import { Random } from "../crash/random.ts";
import { findFreePort } from "../harness/free-port.ts";
import { describeFootprints, findGrowth, roundsToJudge } from "./growth.ts";
import { SoakRound } from "./round.ts";
import { type Footprint, WatchedNode } from "./watched-node.ts";

const soakMs = Number(process.env.KESTREL_SOAK_MS ?? 5_000);
const roundMs = Math.min(15_000, Math.max(500, soakMs / 30));

test(`nothing lost, doubled or grown in ${soakMs / 1000} s`, { timeout: 2 * soakMs + 120_000 }, async () => {
  const random = Random.announced("KESTREL_SOAK_SEED");
  const textPort = await findFreePort();
  await using watched = await WatchedNode.start(["--text-port", String(textPort)]);
  const { node } = watched;
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
    if (existsSync("/proc/self/fd")) footprints.push(await watched.measure());
  }
  const all = `${items.toLocaleString("en")} items, ${answers.toLocaleString("en")} answers`;
  console.log(`${all}: lost 0, doubled 0`);
  if (footprints.length < roundsToJudge) return;
  for (const line of describeFootprints(footprints)) console.log(line);
  expect(findGrowth(footprints)).toEqual([]);
});
