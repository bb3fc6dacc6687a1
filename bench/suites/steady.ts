/**
 * The slowest requests under half the load that a node can take, while segments of its journal are begun and
 * deleted and a backlog lies behind in another queue. Requests leave when they are due, whatever has been answered.
 */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { median, rate } from "../figures.ts";
import { measure } from "../measure.ts";
import { atMost, type Section, whole } from "../section.ts";
import { startKestrel } from "../target.ts";
import { type Latencies, queueName, type Workload } from "../workload.ts";
import { type Bench, type Suite, withTargets } from "./suite.ts";

const itemBytes = 1024;
const behindItemBytes = 100;
const milliseconds = 1000;
const p999MaxMs = 5;
const inFlightMax = 64;
/** A round is this many times as long as elsewhere: several segments have to be begun and deleted in it. */
const timesLonger = 10;
const workload: Workload = { kind: "put+get", connections: 100, depth: 1 };

export const steady: Suite = {
  name: "steady",
  about: "p99.9 at half the greatest rate, over a backlog of --behind items",
  run: measureSteady,
};

async function measureSteady(bench: Bench): Promise<Section> {
  const settings = { default: { maxMemorySize: "64MB" } };
  return await withTargets([() => startKestrel(settings)], async (targets) => {
    const target = targets[0]!;
    const base = { host: target.host, port: target.port, dialect: target.dialect };
    await bench.load.run({
      ...base,
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
    const most = rate(await measure(bench.load, { target, workload, itemBytes }, bench.seconds));
    const found: Latencies[] = [];
    for (let round = 0; round < bench.rounds; round++) {
      const { latencies } = await bench.load.run({
        ...base,
        ...workload,
        depth: inFlightMax,
        queues: [queueName],
        itemBytes,
        secondsMax: timesLonger * bench.seconds,
        operationsMax: Number.MAX_SAFE_INTEGER,
        pacePerSecond: most / 2,
      });
      found.push(latencies!);
    }
    const whichOnes = ["p50", "p99", "p999", "max"] as const;
    const row = (times: Latencies): string[] =>
      whichOnes.map((which) => (times[which] / milliseconds).toFixed(2));
    return {
      name: "steady",
      title: "Half the greatest load",
      legend: [],
      notes: [
        `${whole(most / 2)} operations a second (put and get in turn, 1 KB) on 100 connections, ${whole(bench.itemsBehind)} items`,
        "behind in another queue; milliseconds from the moment when a request was due to the end of its answer.",
      ],
      head: ["round", "median ms", "p99 ms", "p99.9 ms", "longest ms"],
      rows: found.map((times, round) => [String(round + 1), ...row(times)]),
      chart: [],
      verdicts: [
        atMost(
          "p99.9, median of the rounds",
          median(found.map(({ p999 }) => p999)) / milliseconds,
          p999MaxMs,
          "ms",
        ),
      ],
    };
  });
}
