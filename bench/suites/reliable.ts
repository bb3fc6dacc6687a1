/** Reliable reading, one request a item that confirms the one before and opens the next, beside plain gets. */

import { ratio } from "../figures.ts";
import { measureInRounds } from "../measure.ts";
import { atLeast, type Section } from "../section.ts";
import { startKestrel } from "../target.ts";
import type { Workload } from "../workload.ts";
import { type Bench, rateHead, rateNotes, rateRows, type Suite, warningsOf, withTargets } from "./suite.ts";

const itemBytes = 1024;
const wide = { connections: 100, depth: 1 };
const deep = { connections: 10, depth: 32 };
const shareMin = 0.9;

export const reliable: Suite = {
  name: "reliable",
  about: "get q/close/open beside get q",
  run: measureReliable,
};

async function measureReliable(bench: Bench): Promise<Section> {
  const shapes = bench.shape === null ? [wide, deep] : [bench.shape];
  const workloads = shapes.flatMap((shape): Workload[] => [
    { kind: "get", ...shape },
    { kind: "cycle", ...shape },
  ]);
  return await withTargets([() => startKestrel()], async (targets) => {
    const cases = workloads.map((workload) => ({ target: targets[0]!, workload, itemBytes }));
    const all = await measureInRounds(bench.load, cases, bench);
    return {
      name: "reliable",
      title: "Reliable reads",
      legend: rateNotes,
      notes: ["`cycle` is `get q/close/open`.", ...warningsOf(all)],
      head: rateHead,
      rows: rateRows(all),
      chart: [],
      verdicts: shapes.map(({ connections, depth }, i) => {
        const share = ratio(all[2 * i + 1]!, all[2 * i]!);
        return atLeast(`get q/close/open, ${connections} × ${depth}: of get q`, share, shareMin);
      }),
    };
  });
}
