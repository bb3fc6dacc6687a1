/**
 * Medians, spreads and ratios of what was measured. Ratios are taken round by round, so that both sides had the same
 * weather.
 */

import type { Series } from "./measure.ts";
import { bareName } from "./target.ts";
import type { Latencies, Sample } from "./workload.ts";

/** Operations a second. */
export function rate(sample: Sample): number {
  return sample.operations / sample.seconds;
}

export function medianRate(series: Series): number {
  return median(series.samples.map(rate));
}

/** Half the distance between the slowest and the fastest round, as a share of the median. */
export function spread(series: Series): number {
  const rates = series.samples.map(rate);
  return (Math.max(...rates) - Math.min(...rates)) / 2 / medianRate(series);
}

/** Median over the rounds of the ratio of the two rates. */
export function ratio(one: Series, other: Series): number {
  return median(one.samples.map((sample, round) => rate(sample) / rate(other.samples[round]!)));
}

/** The same by operations for each second of the servers' CPU time, which other work on their core hardly moves. */
export function ratioByCpu(one: Series, other: Series): number | null {
  const mine = operationsByCpu(one);
  const others = operationsByCpu(other);
  return mine === null || others === null ? null : mine / others;
}

/** Median over the rounds of one of the times, in microseconds. */
export function medianTime(series: Series, which: keyof Latencies): number {
  return median(series.samples.map((sample) => sample.latencies![which]));
}

/** Shares of the measured time in which server and load were on a core. */
export function busy(series: Series): { server: number | null; load: number } {
  const seconds = sum(series.samples.map((sample) => sample.seconds));
  const server = cpuSecondsOf(series);
  const load = sum(series.samples.map((sample) => sample.loadCpuSeconds)) / seconds;
  return { server: server === null ? null : server / seconds, load };
}

/** The series of that server under the same workload, with items of the same size. */
export function findSame(all: readonly Series[], one: Series, target: string): Series | undefined {
  return all.find(
    (other) =>
      other.target.name === target && other.workload === one.workload && other.itemBytes === one.itemBytes,
  );
}

export function findBare(all: readonly Series[], one: Series): Series | undefined {
  return findSame(all, one, bareName);
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function operationsByCpu(series: Series): number | null {
  const seconds = cpuSecondsOf(series);
  return seconds === null || seconds === 0
    ? null
    : sum(series.samples.map((sample) => sample.operations)) / seconds;
}

function cpuSecondsOf(series: Series): number | null {
  const all = series.samples.map((sample) => sample.serverCpuSeconds);
  return all.includes(null) ? null : sum(all as number[]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
