/** Items of ten bytes to sixteen megabytes: bytes a second beside the bare responder. */

import { findBare, medianRate, ratio, spread } from "../figures.ts";
import { type Case, measureInRounds, type Series } from "../measure.ts";
import { atLeast, percent, type Section, size, whole } from "../section.ts";
import { kestrelName, startKestrel, startResponder } from "../target.ts";
import type { Workload } from "../workload.ts";
import {
  type Bench,
  othersOf,
  rateNotes,
  type Suite,
  warningsOf,
  withTargets,
  workloadText,
} from "./suite.ts";

const kilobyte = 1024;
const megabyte = 1024 * kilobyte;
const sizesInBytes = [10, 100 * kilobyte, megabyte, 16 * megabyte];
const shareMin = 0.8;
const kinds = ["put", "get", "put+get"] as const;

export const sizes: Suite = {
  name: "sizes",
  about: "items of 10 B, 100 KB, 1 MB and 16 MB: bytes a second",
  run: measureSizes,
};

async function measureSizes(bench: Bench): Promise<Section> {
  const all: Series[] = [];
  for (const itemBytes of sizesInBytes) {
    const connections = itemBytes > megabyte ? 2 : 10;
    const workloads = kinds.map((kind): Workload => ({ kind, connections, depth: 1 }));
    const starts = [() => startResponder(itemBytes), () => startKestrel(), ...othersOf(bench)];
    const series = await withTargets(starts, (targets) => {
      const cases = workloads.flatMap((workload) =>
        targets.map((target): Case => ({ target, workload, itemBytes })),
      );
      return measureInRounds(bench.load, cases, bench);
    });
    all.push(...series);
  }
  const compared = all.filter(
    ({ target, itemBytes }) => target.name === kestrelName && itemBytes >= 100 * kilobyte,
  );
  return {
    name: "sizes",
    title: "Items of all sizes",
    legend: rateNotes,
    notes: [...warningsOf(all)],
    head: ["load", "item", "server", "MB/s", "items/s", "±", "of bare"],
    rows: all.map((series) => {
      const bare = findBare(all, series);
      return [
        workloadText(series.workload),
        size(series.itemBytes),
        series.target.name,
        megabytesPerSecond(series).toFixed(1),
        whole(medianRate(series)),
        percent(spread(series)),
        bare === undefined || bare === series ? "" : ratio(series, bare).toFixed(2),
      ];
    }),
    chart: [],
    verdicts: compared.map((mine) => {
      const what = `${mine.workload.kind}, ${size(mine.itemBytes)}: of the bare responder`;
      return atLeast(what, ratio(mine, findBare(all, mine)!), shareMin);
    }),
  };
}

/** An operation carries its item in one of the two directions. */
function megabytesPerSecond(series: Series): number {
  return (medianRate(series) * series.itemBytes) / megabyte;
}
