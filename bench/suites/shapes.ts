/** Puts and gets of many connections with one request in flight, and of few with many. */

import { findBare, findSame, ratio } from "../figures.ts";
import { type Case, measureInRounds, type Series } from "../measure.ts";
import { atLeast, type Section, size, type Verdict } from "../section.ts";
import { checkoutName, kestrelName, startKestrel, startResponder } from "../target.ts";
import type { Kind, Workload } from "../workload.ts";
import {
  type Bench,
  barsOf,
  othersOf,
  rateHead,
  rateNotes,
  rateRows,
  type Suite,
  warningsOf,
  withTargets,
  workloadText,
} from "./suite.ts";

const kinds: readonly Kind[] = ["put", "get", "put+get"];
const wide = { connections: 100, depth: 1 };
const deep = { connections: 10, depth: 32 };
/** With one request in flight, against the bare responder and against memcached. */
const shareOfBareMin: Partial<Record<Kind, number>> = { put: 0.85, get: 0.9, "put+get": 0.87 };
const shareOfMemcachedMin = 0.75;
/** A change may not cost more than a machine's noise. */
const shareOfCheckoutMin = 0.97;

export const shapes: Suite = {
  name: "shapes",
  about: "put, get, put+get; 100 connections with one in flight, 10 with 32; 100 B and 1 KB",
  run: measureShapes,
};

async function measureShapes(bench: Bench): Promise<Section> {
  const shapesWanted = bench.shape === null ? [wide, deep] : [bench.shape];
  const workloads = shapesWanted.flatMap((shape) => kinds.map((kind): Workload => ({ kind, ...shape })));
  const all: Series[] = [];
  for (const itemBytes of bench.itemBytes) {
    const starts = [() => startResponder(itemBytes), () => startKestrel(), ...othersOf(bench)];
    const series = await withTargets(starts, (targets) => {
      const cases = workloads.flatMap((workload) =>
        targets.map((target): Case => ({ target, workload, itemBytes })),
      );
      return measureInRounds(bench.load, cases, bench);
    });
    all.push(...series);
  }
  const charted = all.filter(
    ({ workload, itemBytes }) => workload === workloads[2] && itemBytes === bench.itemBytes.at(-1),
  );
  return {
    name: "shapes",
    title: "Puts and gets",
    legend: rateNotes,
    notes: [...warningsOf(all), `The chart: ${workloadText(workloads[2]!)}.`],
    head: rateHead,
    rows: rateRows(all),
    chart: barsOf(charted),
    verdicts: all
      .filter(({ target }) => target.name === kestrelName)
      .flatMap((mine) => verdictsOf(all, mine, bench.checkouts)),
  };
}

function verdictsOf(all: readonly Series[], mine: Series, checkouts: readonly string[]): Verdict[] {
  const { kind, depth } = mine.workload;
  const what = `${workloadText(mine.workload)}, ${size(mine.itemBytes)}`;
  const verdicts: Verdict[] = [];
  const compare = (other: Series | undefined, name: string, least: number | undefined): void => {
    if (other !== undefined && least !== undefined) {
      verdicts.push(atLeast(`${what}: of ${name}`, ratio(mine, other), least));
    }
  };
  if (depth === 1) {
    compare(findBare(all, mine), "the bare responder", shareOfBareMin[kind]);
    compare(findSame(all, mine, "memcached"), "memcached", shareOfMemcachedMin);
  }
  if (depth === 1 ? kind === "put" : kind === "put+get")
    compare(findSame(all, mine, "redis-aof"), "redis-aof", 1);
  for (const name of checkouts.map(checkoutName))
    compare(findSame(all, mine, name), name, shareOfCheckoutMin);
  return verdicts;
}
