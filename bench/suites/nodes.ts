/**
 * Two nodes on two cores beside one on one. The load generators need a core, too, and there may be no more than two:
 * so what is compared is what each node would do with a whole core, operations for each second of CPU time that it
 * had. It holds what two nodes cost each other (memory, caches, the kernel, the disk), and leaves the load aside.
 */

import { median } from "../figures.ts";
import { Load } from "../load-process.ts";
import { loadCore, serverCore } from "../pinned-process.ts";
import { atLeast, type Section, whole } from "../section.ts";
import { cpuSeconds, startKestrel, type Target } from "../target.ts";
import { queueName, type Workload } from "../workload.ts";
import { type Bench, type Suite, withTargets, workloadText } from "./suite.ts";

const itemBytes = 1024;
const timesMin = 1.8;
const workloads: readonly Workload[] = [
  { kind: "put+get", connections: 50, depth: 1 },
  { kind: "put+get", connections: 10, depth: 32 },
];

export const nodes: Suite = {
  name: "nodes",
  about: "one node on one core, two on two, load generators aside",
  run: measureNodes,
};

/** Operations a second of CPU time: of one node alone, and of both together. */
interface Round {
  one: number;
  two: number;
}

async function measureNodes(bench: Bench): Promise<Section> {
  // Each load is on the core of the node that it does not load.
  const other = new Load(serverCore);
  const loads = [bench.load, other];
  const starts = [serverCore, loadCore].map(
    (core, number) => () => startKestrel({}, `node ${number + 1}`, undefined, core),
  );
  try {
    const found = await withTargets(starts, async (targets) => {
      const all: Round[][] = workloads.map(() => []);
      for (let round = -1; round < bench.rounds; round++) {
        for (const [i, workload] of workloads.entries()) {
          const one = await capacities(loads.slice(0, 1), targets.slice(0, 1), workload, bench.seconds);
          const two = await capacities(loads, targets, workload, bench.seconds);
          // The first is for warming up.
          if (round >= 0) all[i]!.push({ one: one[0]!, two: two[0]! + two[1]! });
        }
      }
      return all;
    });
    const times = found.map((rounds) => median(rounds.map(({ one, two }) => two / one)));
    return {
      name: "nodes",
      title: "One node and two",
      legend: [],
      notes: [
        "Node 1 and the load of node 2 on one core, node 2 and the load of node 1 on the other, 1 KB.",
        "Operations for each second of CPU time that a node had, for two nodes the sum: what they would do with a whole",
        "core each. The load generators' own time is left out, since two cores cannot carry them besides.",
      ],
      head: ["load on each node", "one node, ops per CPU s", "two nodes", "times"],
      rows: workloads.map((workload, i) => [
        workloadText(workload),
        whole(median(found[i]!.map(({ one }) => one))),
        whole(median(found[i]!.map(({ two }) => two))),
        times[i]!.toFixed(2),
      ]),
      chart: [],
      verdicts: workloads.map((workload, i) =>
        atLeast(`${workloadText(workload)}: two nodes, times one`, times[i]!, timesMin),
      ),
    };
  } finally {
    await other.stop();
  }
}

/** Loads all of them at the same time. */
function capacities(
  loads: readonly Load[],
  targets: readonly Target[],
  workload: Workload,
  secondsMax: number,
): Promise<number[]> {
  return Promise.all(
    targets.map(async (target, i) => {
      const { host, port, dialect } = target;
      const base = { host, port, dialect, queues: [queueName], itemBytes };
      const before = cpuSeconds(target);
      const { operations } = await loads[i]!.run({
        ...base,
        ...workload,
        secondsMax,
        operationsMax: Number.MAX_SAFE_INTEGER,
      });
      const after = cpuSeconds(target);
      if (before === null || after === null)
        throw new Error("this system does not tell a process's CPU time");
      return operations / (after - before);
    }),
  );
}
