/**
 * The slowest requests under half the load that a node can take, while segments of its journal are begun and
 * deleted and a backlog lies behind in another queue. Requests leave when they are due, whatever has been answered.
 */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { median, rate } from "../figures.ts";
import { measure } from "../measure.ts";
import { atMost, type Section, whole } from "../section.ts";
import { startKestrel, startResponder, type Target } from "../target.ts";
import { type Latencies, queueName, type Workload } from "../workload.ts";
import { type Bench, type Suite, withTargets } from "./suite.ts";

const itemBytes = 1024;
const behindItemBytes = 100;
const milliseconds = 1000;
const p999MaxMs = 5;
const inFlightMax = 64;
/** A round is this many times as long as elsewhere: several segments have to be begun and deleted in it. */
const timesLonger = 10;
const whichOnes = ["p50", "p99", "p999", "max"] as const;
const timeNames = { p50: "median ms", p99: "p99 ms", p999: "p99.9 ms", max: "longest ms" };
const workload: Workload = { kind: "put+get", connections: 100, depth: 1 };

export const steady: Suite = {
  name: "steady",
  about: "p99.9 at half the greatest rate, over a backlog of --behind items",
  run: measureSteady,
};

async function measureSteady(bench: Bench): Promise<Section> {
  const settings = { default: { maxMemorySize: "64MB" } };
  const starts = [() => startKestrel(settings), () => startResponder(itemBytes)];
  return await withTargets(starts, async (targets) => {
    const [kestrel] = targets as [Target];
    await putBehind(bench, kestrel);
    const most = rate(await measure(bench.load, { target: kestrel, workload, itemBytes }, bench.seconds));
    const rounds: Latencies[][] = [];
    for (let round = 0; round < bench.rounds; round++) {
      const found: Latencies[] = [];
      for (const target of targets) found.push(await measurePaced(bench, target, most / 2));
      rounds.push(found);
    }
    const [ownP999, bareP999] = targets.map(
      (_, i) => median(rounds.map((found) => found[i]!.p999)) / milliseconds,
    ) as [number, number];
    return {
      name: "steady",
      title: "Half the greatest load",
      legend: [],
      notes: [
        `${whole(most / 2)} operations a second (put and get in turn, 1 KB) on 100 connections, ${whole(bench.itemsBehind)} items`,
        "behind in another queue of the node; milliseconds from the moment when a request was due to the end of its",
        "answer. The bare responder, which writes nothing, shows what the machine, the runtime and the load have in it:",
        `the median of its p99.9 is ${bareP999.toFixed(1)} ms.`,
      ],
      head: ["round", "server", ...whichOnes.map((which) => timeNames[which])],
      rows: rounds.flatMap((found, round) =>
        found.map((times, i) => [String(round + 1), targets[i]!.name, ...timesRow(times)]),
      ),
      chart: [],
      verdicts: [atMost("p99.9, median of the rounds", ownP999, p999MaxMs, "ms")],
    };
  });
}

async function putBehind(bench: Bench, { host, port, dialect }: Target): Promise<void> {
  await bench.load.run({
    host,
    port,
    dialect,
    kind: "put",
    connections: 10,
    depth: 64,
    queues: ["behind"],
    itemBytes: behindItemBytes,
    secondsMax: 3600,
    operationsMax: bench.itemsBehind,
  });
  // What lies behind has come to rest: the system isn't still writing it back.
  await promisify(execFile)("sync");
}

async function measurePaced(
  bench: Bench,
  { host, port, dialect }: Target,
  pacePerSecond: number,
): Promise<Latencies> {
  const { latencies } = await bench.load.run({
    host,
    port,
    dialect,
    ...workload,
    depth: inFlightMax,
    queues: [queueName],
    itemBytes,
    secondsMax: timesLonger * bench.seconds,
    operationsMax: Number.MAX_SAFE_INTEGER,
    pacePerSecond,
  });
  return latencies!;
}

function timesRow(times: Latencies): string[] {
  return whichOnes.map((which) => (times[which] / milliseconds).toFixed(2));
}
