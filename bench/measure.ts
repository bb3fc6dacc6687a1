/** One measurement, and rounds of them: every case once a round, so that what disturbs disturbs all of them. */

import { rate } from "./figures.ts";
import type { Load } from "./load-process.ts";
import { cpuSeconds, empty, type Target } from "./target.ts";
import { type Job, queueName, type Sample, type Workload } from "./workload.ts";

/** A queue never holds more than this in a measurement, so that memory stays the subject of other ones. */
const queueBytesMax = 100_000_000;
const warmUpSeconds = 0.4;
/** Before anything is known of a server. */
const firstGuessPerSecond = 20_000;
/** Items put beforehand, against those that are likely to be got. */
const fillMargin = 1.3;

/** A target under a workload, as a table names it. */
export interface Case {
  target: Target;
  workload: Workload;
  itemBytes: number;
  queues?: readonly string[];
  isTimed?: boolean;
  /** To be done before each measurement. */
  prepare?: () => Promise<void>;
}

/** What was measured, in the order of the rounds. */
export interface Series extends Case {
  samples: Sample[];
}

export interface Pace {
  rounds: number;
  /** Of one measurement. */
  seconds: number;
}

export async function measureInRounds(load: Load, cases: readonly Case[], pace: Pace): Promise<Series[]> {
  const series = cases.map((one): Series => ({ ...one, samples: [] }));
  const guesses: number[] = [];
  for (const one of series) {
    guesses.push(rate(await measure(load, one, Math.min(warmUpSeconds, pace.seconds))));
  }
  for (let round = 0; round < pace.rounds; round++) {
    process.stderr.write(`round ${round + 1} of ${pace.rounds}\n`);
    for (const [i, one] of series.entries()) {
      one.samples.push(await measure(load, one, pace.seconds, guesses[i]));
    }
  }
  return series;
}

/**
 * Repeats filling (not measured) and measuring until `seconds` have been measured. The guess of operations a second
 * says how much there has to be to get; a slow server isn't filled with what it won't give.
 */
export async function measure(
  load: Load,
  one: Case,
  seconds: number,
  guessPerSecond: number = firstGuessPerSecond,
): Promise<Sample> {
  const { target, workload, itemBytes } = one;
  const { connections, depth, kind } = workload;
  const queues = one.queues ?? [queueName];
  const leastItems = 2 * connections * depth;
  const itemsWanted = Math.ceil(guessPerSecond * seconds * fillMargin);
  const itemsMax = Math.max(leastItems, Math.min(itemsWanted, Math.floor(queueBytesMax / itemBytes)));
  const base = { host: target.host, port: target.port, dialect: target.dialect, queues, itemBytes };
  const isTimed = one.isTimed ?? false;
  const isTaking = kind === "get" || kind === "cycle";
  // Others, too, are measured in as many pieces as a queue that has to be filled and emptied in between: each piece
  // begins with new connections, whose windows have to grow first.
  const isBounded = kind !== "put+get";
  const putsMax = Math.max(leastItems, Math.floor(queueBytesMax / itemBytes));
  const sample: Sample = {
    operations: 0,
    misses: 0,
    seconds: 0,
    loadCpuSeconds: 0,
    serverCpuSeconds: 0,
    latencies: null,
  };
  while (sample.seconds < 0.9 * seconds) {
    await one.prepare?.();
    if (isTaking) await fill(load, target, base, itemsMax);
    const cpuBefore = cpuSeconds(target);
    const result = await load.run({
      ...base,
      ...workload,
      isTimed,
      secondsMax: seconds - sample.seconds,
      operationsMax: isBounded ? (isTaking ? itemsMax : putsMax) : Number.MAX_SAFE_INTEGER,
    });
    const cpuAfter = cpuSeconds(target);
    sample.operations += result.operations;
    sample.misses += result.misses;
    sample.seconds += result.seconds;
    sample.loadCpuSeconds += result.loadCpuSeconds;
    // Of the last piece: the others are as long at least.
    sample.latencies = result.latencies;
    if (cpuBefore === null || cpuAfter === null) sample.serverCpuSeconds = null;
    else if (sample.serverCpuSeconds !== null) sample.serverCpuSeconds += cpuAfter - cpuBefore;
    if (!(await empty(target, queues))) await drain(load, base, putsMax);
  }
  return sample;
}

type Base = Pick<Job, "host" | "port" | "dialect" | "queues" | "itemBytes">;

async function fill(load: Load, { stock }: Target, base: Base, itemsMax: number): Promise<void> {
  if (stock === "none") return;
  const operationsMax = stock === "one" ? 1 : itemsMax;
  const depth = Math.max(1, Math.min(64, Math.floor(itemsMax / 10), Math.floor(16_000_000 / base.itemBytes)));
  await load.run({ ...base, kind: "put", connections: 10, depth, secondsMax: 600, operationsMax });
}

/** Gets until a good many answers in a row say that nothing is there. */
async function drain(load: Load, base: Base, itemsMax: number): Promise<void> {
  const step = 10_000;
  for (let left = itemsMax; left > 0; left -= step) {
    const shape = { kind: "get", connections: 2, depth: 16, secondsMax: 600, operationsMax: step } as const;
    if ((await load.run({ ...base, ...shape })).misses > step / 2) return;
  }
}
