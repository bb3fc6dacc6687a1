/** Medians, ratios, and the table of a run. */

import type { Target } from "./target.ts";
import { pipelined, type Sample, shareOfBareMin, type Workload } from "./workload.ts";

/** The figures of one target under one workload, over all rounds. */
export interface Figure {
  workload: Workload;
  target: string;
  operationsPerSecond: number;
  /** Half the distance between the slowest and the fastest round, as a share of the median. */
  spread: number;
  /** Median of the ratios of each round; null for the bare responder itself. */
  shareOfBare: number | null;
  /** The same by operations for each second of CPU time of the server, which other work on its core hardly moves. */
  shareOfBareByCpu: number | null;
  /** Against the same kind of load with one request in flight; null where that wasn't measured. */
  timesUnpipelined: number | null;
  /** Shares of the measured time in which the server and the load were on a core. */
  serverBusy: number | null;
  loadBusy: number;
  misses: number;
  /** Null where no target is set. */
  isMet: boolean | null;
}

/** One target under one workload: samples in the order of the rounds. */
export interface Series {
  workload: Workload;
  target: Target;
  samples: Sample[];
}

export function figuresOf(all: readonly Series[]): Figure[] {
  const medianOf = (series: Series): number => median(series.samples.map(rate));
  return all.map((series) => {
    const { workload, target, samples } = series;
    const rates = samples.map(rate);
    const operationsPerSecond = medianOf(series);
    const bare = all.find((other) => other.target.isBare && other.workload === workload);
    const unpipelined = all.find(
      ({ workload: other, target: t }) => t === target && other.kind === workload.kind && other.depth === 1,
    );
    const shareOfBare =
      bare === undefined || target.isBare ? null : median(rates.map((r, i) => r / rate(bare.samples[i]!)));
    const timesUnpipelined =
      workload.depth === 1 || unpipelined === undefined ? null : operationsPerSecond / medianOf(unpipelined);
    const seconds = sum(samples.map((sample) => sample.seconds));
    const serverCpuSeconds = cpuSecondsOf(samples);
    return {
      workload,
      target: target.name,
      operationsPerSecond,
      spread: (Math.max(...rates) - Math.min(...rates)) / 2 / operationsPerSecond,
      shareOfBare,
      shareOfBareByCpu:
        bare === undefined || target.isBare
          ? null
          : ratio(operationsByCpu(samples), operationsByCpu(bare.samples)),
      timesUnpipelined,
      serverBusy: ratio(serverCpuSeconds, seconds),
      loadBusy: sum(samples.map((sample) => sample.loadCpuSeconds)) / seconds,
      misses: sum(samples.map((sample) => sample.misses)),
      isMet: target.isBare ? null : isMet(workload, operationsPerSecond, shareOfBare, timesUnpipelined),
    };
  });
}

function isMet(
  { kind, depth }: Workload,
  operationsPerSecond: number,
  shareOfBare: number | null,
  timesUnpipelined: number | null,
): boolean | null {
  if (depth === 1) {
    const shareMin = shareOfBareMin[kind];
    return shareMin === undefined || shareOfBare === null ? null : shareOfBare >= shareMin;
  }
  if (timesUnpipelined === null && operationsPerSecond < pipelined.operationsMin) return null;
  return operationsPerSecond >= pipelined.operationsMin || timesUnpipelined! >= pipelined.timesUnpipelinedMin;
}

/** The figures as a table for people. */
export function renderTable(figures: readonly Figure[]): string {
  const head = [
    "load",
    "connections",
    "in flight",
    "server",
    "ops/s",
    "±",
    "of bare",
    "by CPU",
    "× 1 in flight",
    "busy",
    "target",
  ];
  const rows = figures.map((figure) => [
    figure.workload.kind,
    String(figure.workload.connections),
    String(figure.workload.depth),
    figure.target,
    Math.round(figure.operationsPerSecond).toLocaleString("en"),
    percent(figure.spread),
    figure.shareOfBare?.toFixed(2) ?? "",
    figure.shareOfBareByCpu?.toFixed(2) ?? "",
    figure.timesUnpipelined?.toFixed(1) ?? "",
    `${figure.serverBusy === null ? "?" : percent(figure.serverBusy)} / ${percent(figure.loadBusy)}`,
    targetText(figure),
  ]);
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]!.length)));
  const isText = new Set([0, 3, 10]);
  const render = (row: string[]): string =>
    row
      .map((cell, i) => (isText.has(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  const lines = [render(head), widths.map((width) => "-".repeat(width)).join("  ")];
  for (const [i, row] of rows.entries()) {
    if (i > 0 && figures[i]!.workload !== figures[i - 1]!.workload) lines.push("");
    lines.push(render(row));
  }
  return lines.join("\n");
}

function targetText({ workload, isMet }: Figure): string {
  if (isMet === null) return "";
  const wanted =
    workload.depth === 1 ? `${shareOfBareMin[workload.kind]!.toFixed(2)} of bare` : "300,000 or × 3";
  return `${wanted}: ${isMet ? "met" : "MISSED"}`;
}

function rate(sample: Sample): number {
  return sample.operations / sample.seconds;
}

/** Operations for each second of the server's CPU time; null when that isn't known. */
function operationsByCpu(samples: readonly Sample[]): number | null {
  return ratio(sum(samples.map((sample) => sample.operations)), cpuSecondsOf(samples));
}

function cpuSecondsOf(samples: readonly Sample[]): number | null {
  const all = samples.map((sample) => sample.serverCpuSeconds);
  return all.includes(null) ? null : sum(all as number[]);
}

function ratio(a: number | null, b: number | null): number | null {
  return a === null || b === null || b === 0 ? null : a / b;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
