/** The time of one request on one connection with nothing else going on. */

import { findSame, medianTime } from "../figures.ts";
import { type Case, measureInRounds, type Series } from "../measure.ts";
import { atMost, type Section, type Verdict } from "../section.ts";
import { kestrelName, startKestrel, startResponder } from "../target.ts";
import type { Workload } from "../workload.ts";
import { type Bench, othersOf, type Suite, warningsOf, withTargets, workloadText } from "./suite.ts";

const itemBytes = 1024;
const workloads: readonly Workload[] = (["put", "get", "put+get"] as const).map((kind) => ({
  kind,
  connections: 1,
  depth: 1,
}));
const beyondMemcachedMicroseconds = 10;
const timesMemcachedMax = 2;

export const latency: Suite = {
  name: "latency",
  about: "one connection, one request in flight: median, p99, p99.9",
  run: measureLatency,
};

async function measureLatency(bench: Bench): Promise<Section> {
  const starts = [() => startResponder(itemBytes), () => startKestrel(), ...othersOf(bench)];
  const all = await withTargets(starts, (targets) => {
    const cases = workloads.flatMap((workload) =>
      targets.map((target): Case => ({ target, workload, itemBytes, isTimed: true })),
    );
    return measureInRounds(bench.load, cases, bench);
  });
  const put = all.filter(({ workload }) => workload === workloads[0]);
  return {
    name: "latency",
    title: "One request at a time",
    legend: [],
    notes: [
      "Microseconds from the request's sending to the end of its answer, 1 KB; medians of the rounds' own figures.",
      ...warningsOf(all).filter((warning) => !warning.startsWith("Where")),
      "The chart: medians of a put.",
    ],
    head: ["load", "server", "median µs", "p99 µs", "p99.9 µs"],
    rows: all.map((series) => [
      workloadText(series.workload),
      series.target.name,
      ...(["p50", "p99", "p999"] as const).map((which) => medianTime(series, which).toFixed(0)),
    ]),
    chart: put.map((series) => {
      const value = medianTime(series, "p50");
      return { label: series.target.name, value, text: `${value.toFixed(0)} µs` };
    }),
    verdicts: all
      .filter(({ target }) => target.name === kestrelName)
      .flatMap((mine) => verdictsOf(all, mine)),
  };
}

function verdictsOf(all: readonly Series[], mine: Series): Verdict[] {
  const memcached = findSame(all, mine, "memcached");
  if (memcached === undefined) return [];
  const { kind } = mine.workload;
  const p50Max = medianTime(memcached, "p50") + beyondMemcachedMicroseconds;
  const p99Max = timesMemcachedMax * medianTime(memcached, "p99");
  return [
    atMost(`${kind}: median, 10 µs beyond memcached's`, medianTime(mine, "p50"), p50Max, "µs"),
    atMost(`${kind}: p99, twice memcached's`, medianTime(mine, "p99"), p99Max, "µs"),
  ];
}
