/** What every suite is given, and the pieces that several of them have in common. */

import { busy, findBare, medianRate, ratio, ratioByCpu, spread } from "../figures.ts";
import type { Load } from "../load-process.ts";
import type { Pace, Series } from "../measure.ts";
import { type RivalName, startRival } from "../rivals.ts";
import { type Bar, percent, type Section, size, whole } from "../section.ts";
import { runningTarget, startCheckout, type Target } from "../target.ts";
import type { Workload } from "../workload.ts";

export interface Bench extends Pace {
  load: Load;
  against: readonly RivalName[];
  /** `host:port` of servers that run already. */
  running: readonly string[];
  /** Folders of other checkouts. */
  checkouts: readonly string[];
  /** Items of the default size, in bytes; each suite says whether it uses them. */
  itemBytes: readonly number[];
  /** In place of the suite's own loads. */
  shape: { connections: number; depth: number } | null;
  /** Items that lie behind in the suite `steady`. */
  itemsBehind: number;
  idleConnections: number;
}

export interface Suite {
  name: string;
  about: string;
  run(bench: Bench): Promise<Section>;
}

/** Under full load one side at least is always busy, unless other work takes its core. */
const idleShareMax = 0.8;

/** Starts them one after the other, gives them to `use`, and stops them whatever happens. */
export async function withTargets<T>(
  starts: readonly (() => Promise<Target>)[],
  use: (targets: readonly Target[]) => Promise<T>,
): Promise<T> {
  const targets: Target[] = [];
  try {
    for (const start of starts) targets.push(await start());
    return await use(targets);
  } finally {
    for (const target of targets) await target.stop();
  }
}

/** Those that were named on the command line. */
export function othersOf(bench: Bench): (() => Promise<Target>)[] {
  return [
    ...bench.against.map((name) => () => startRival(name)),
    ...bench.checkouts.map((folder) => () => startCheckout(folder)),
    ...bench.running.map((address) => async () => runningTarget(address)),
  ];
}

export function workloadText({ kind, connections, depth }: Workload): string {
  return `${kind}, ${connections} × ${depth}`;
}

export const rateHead: string[] = ["load", "item", "server", "ops/s", "±", "of bare", "by CPU", "busy"];

export const rateNotes: string[] = [
  "A load is a kind of request, connections × requests in flight on each.",
  "Medians of the rounds, ± half their range; “of bare” against the bare Node responder, by operations a second of",
  "time, and of the servers' CPU time; “busy”: share of the time that server / load were on their core.",
];

export function rateRows(all: readonly Series[]): string[][] {
  return all.map((series) => {
    const bare = findBare(all, series);
    const isCompared = bare !== undefined && bare !== series;
    const { server, load } = busy(series);
    return [
      workloadText(series.workload),
      size(series.itemBytes),
      series.target.name,
      whole(medianRate(series)),
      percent(spread(series)),
      isCompared ? ratio(series, bare).toFixed(2) : "",
      isCompared ? (ratioByCpu(series, bare)?.toFixed(2) ?? "") : "",
      `${server === null ? "?" : percent(server)} / ${percent(load)}`,
    ];
  });
}

/** What a reader of the figures has to know besides: others' work, and gets that found nothing. */
export function warningsOf(all: readonly Series[]): string[] {
  const warnings: string[] = [];
  const isDisturbed = all.some((series) => {
    const { server, load } = busy(series);
    return server !== null && Math.max(server, load) < idleShareMax;
  });
  if (isDisturbed)
    warnings.push("Where neither side was busy, it waited for the disk, or other work took its core.");
  for (const { target, workload, samples } of all) {
    const misses = samples.reduce((total, sample) => total + sample.misses, 0);
    if (misses > 0)
      warnings.push(`${target.name}: ${misses} answers under ${workload.kind} were “nothing there”.`);
  }
  return warnings;
}

export function barsOf(all: readonly Series[]): Bar[] {
  return all.map((series) => {
    const value = medianRate(series);
    return { label: series.target.name, value, text: whole(value) };
  });
}
