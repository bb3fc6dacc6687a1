/** The same load on one queue, on ten, on hundreds, on thousands. */

import { medianRate, ratio } from "../figures.ts";
import { type Case, measureInRounds } from "../measure.ts";
import { atLeast, type Section, whole } from "../section.ts";
import { startKestrel } from "../target.ts";
import type { Workload } from "../workload.ts";
import { type Bench, rateHead, rateNotes, rateRows, type Suite, warningsOf, withTargets } from "./suite.ts";

const itemBytes = 1024;
const counts = [1, 10, 100, 10_000];
const flatMin = 0.8;

export const queues: Suite = {
  name: "queues",
  about: "put+get on 1, 10, 100 and 10,000 queues",
  run: measureQueues,
};

async function measureQueues(bench: Bench): Promise<Section> {
  const workload: Workload = { kind: "put+get", connections: 100, depth: 1 };
  return await withTargets([() => startKestrel()], async (targets) => {
    const cases = counts.map(
      (count): Case => ({
        target: targets[0]!,
        workload,
        itemBytes,
        queues: Array.from({ length: count }, (_, number) => `of-${count}-${number}`),
      }),
    );
    // All of them are there before anything is measured.
    for (const { queues } of cases) {
      const { host, port, dialect } = targets[0]!;
      const once = { ...workload, host, port, dialect, itemBytes, queues: queues!, secondsMax: 600 };
      await bench.load.run({ ...once, operationsMax: 4 * queues!.length });
    }
    const all = await measureInRounds(bench.load, cases, bench);
    return {
      name: "queues",
      title: "Many queues",
      legend: rateNotes,
      notes: [
        "Each connection goes through its share of the queues, a put and a get on each.",
        ...warningsOf(all),
      ],
      head: ["queues", ...rateHead],
      rows: rateRows(all).map((row, i) => [whole(counts[i]!), ...row]),
      chart: all.map((series, i) => {
        const value = medianRate(series);
        return { label: `${whole(counts[i]!)} queues`, value, text: whole(value) };
      }),
      verdicts: counts
        .slice(1)
        .map((count, i) => atLeast(`${whole(count)} queues: of one`, ratio(all[i + 1]!, all[0]!), flatMin)),
    };
  });
}
