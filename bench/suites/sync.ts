/** Puts whose answers wait for the medium: `syncJournal` 0 beside those who promise the same. */

import { findSame, ratio } from "../figures.ts";
import { type Case, measureInRounds } from "../measure.ts";
import { startRival } from "../rivals.ts";
import { atLeast, type Section } from "../section.ts";
import { startKestrel } from "../target.ts";
import type { Workload } from "../workload.ts";
import {
  type Bench,
  barsOf,
  rateHead,
  rateNotes,
  rateRows,
  type Suite,
  warningsOf,
  withTargets,
  workloadText,
} from "./suite.ts";

const itemBytes = 1024;
const names = ["beanstalkd-log", "redis-always"] as const;
const timesMin = { "beanstalkd-log": 5, "redis-always": 1 };

export const sync: Suite = {
  name: "sync",
  about: "puts with syncJournal 0, beside those of --against that sync before they answer",
  run: measureSync,
};

async function measureSync(bench: Bench): Promise<Section> {
  const workload: Workload = { kind: "put", ...(bench.shape ?? { connections: 100, depth: 1 }) };
  const others = names.filter((name) => bench.against.includes(name));
  const starts = [
    () => startKestrel({ default: { syncJournal: 0 } }),
    ...others.map((name) => () => startRival(name)),
  ];
  const all = await withTargets(starts, (targets) => {
    const cases = targets.map((target): Case => ({ target, workload, itemBytes }));
    return measureInRounds(bench.load, cases, bench);
  });
  const mine = all[0]!;
  return {
    name: "sync",
    title: "Synced before the answer",
    legend: rateNotes,
    notes: [
      "Each answer waits until its item is on the medium (`syncJournal` 0, `-f0`, `appendfsync always`).",
      ...warningsOf(all),
    ],
    head: rateHead,
    rows: rateRows(all),
    chart: barsOf(all),
    verdicts: others.map((name) => {
      const other = findSame(all, mine, name)!;
      return atLeast(`${workloadText(workload)}: times ${name}`, ratio(mine, other), timesMin[name]);
    }),
  };
}
