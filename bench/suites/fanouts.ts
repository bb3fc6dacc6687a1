/** Puts into a queue with fanouts, and what their readers get: a put is to cost the same however many there are. */

import { medianRate, ratio } from "../figures.ts";
import { type Case, measureInRounds } from "../measure.ts";
import { atLeast, type Section, whole } from "../section.ts";
import { ask, startKestrel } from "../target.ts";
import type { Workload } from "../workload.ts";
import { type Bench, rateHead, rateNotes, rateRows, type Suite, warningsOf, withTargets } from "./suite.ts";

const itemBytes = 1024;
const counts = [0, 1, 10, 100];
const shareMin = 0.75;

export const fanouts: Suite = {
  name: "fanouts",
  about: "puts into a queue with 0, 1, 10 and 100 fanouts",
  run: measureFanouts,
};

async function measureFanouts(bench: Bench): Promise<Section> {
  const workload: Workload = { kind: "put", connections: 100, depth: 1 };
  return await withTargets([() => startKestrel()], async (targets) => {
    const target = targets[0]!;
    const cases: Case[] = [];
    for (const count of counts) {
      const parent = `with-${count}`;
      const children = Array.from({ length: count }, (_, number) => `${parent}+${number}`);
      // Asking for a fanout makes it.
      if (count > 0)
        await ask(
          target,
          children.map((child) => `get ${child}\r\n`),
        );
      const prepare = async (): Promise<void> => {
        if (count > 0)
          await ask(
            target,
            children.map((child) => `flush ${child}\r\n`),
          );
      };
      cases.push({ target, workload, itemBytes, queues: [parent], prepare });
    }
    const all = await measureInRounds(bench.load, cases, bench);
    return {
      name: "fanouts",
      title: "Fanouts",
      legend: rateNotes,
      notes: [
        "Puts into the parent queue; each fanout has its own copy of every item to read.",
        ...warningsOf(all),
      ],
      head: ["fanouts", ...rateHead],
      rows: rateRows(all).map((row, i) => [whole(counts[i]!), ...row]),
      chart: all.map((series, i) => {
        const value = medianRate(series);
        return { label: `${counts[i]} fanouts`, value, text: whole(value) };
      }),
      verdicts: counts
        .slice(1)
        .map((count, i) =>
          atLeast(`puts with ${count} fanouts: of none`, ratio(all[i + 1]!, all[0]!), shareMin),
        ),
    };
  });
}
