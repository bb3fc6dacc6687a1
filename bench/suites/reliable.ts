/** Reliable reading, one request a item that confirms the one before and opens the next, beside plain gets. */

import { ratio } from "../figures.ts";
import { measureInRounds } from "../measure.ts";
import { atLeast, type Section } from "../section.ts";
import { startKestrel } from "../target.ts";
import type { Workload } from "../workload.ts";
import { type Bench, rateHead, rateNotes, rateRows, type Suite, warningsOf, withTargets } from "./suite.ts";

const itemBytes = 1024;
const shareMin = 0.9;

export const reliable: Suite = {
  name: "reliable",
  about: "get q/close/open beside get q",
  run: measureReliable,
};

async function measureReliable(bench: Bench): Promise<Section> {
  const shape = bench.shape ?? { connections: 100, depth: 1 };
  const workloads: Workload[] = [
    { kind: "get", ...shape },
    { kind: "cycle", ...shape },
  ];
  return await withTargets([() => startKestrel()], async (targets) => {
    const cases = workloads.map((workload) => ({ target: targets[0]!, workload, itemBytes }));
    const all = await measureInRounds(bench.load, cases, bench);
    const [plain, cycle] = [all[0]!, all[1]!];
    return {
      name: "reliable",
      title: "Reliable reads",
      legend: rateNotes,
      notes: ["`cycle` is `get q/close/open`.", ...warningsOf(all)],
      head: rateHead,
      rows: rateRows(all),
      chart: [],
      verdicts: [atLeast("get q/close/open: of get q", ratio(cycle, plain), shareMin)],
    };
  });
}
