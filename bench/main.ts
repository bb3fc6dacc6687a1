/**
 * Measures a node against a bare Node TCP responder: both in processes of their own on one core, the load on the
 * other, rounds interleaved, medians and spreads in one table.
 */

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { Load } from "./load-process.ts";
import { canPin, loadCore, serverCore } from "./pinned-process.ts";
import { figuresOf, renderTable, type Series } from "./report.ts";
import { runningTarget, startKestrel, startResponder, type Target } from "./target.ts";
import { defaultWorkloads, queueName, type Sample, type Workload } from "./workload.ts";

const usage = `Measures operations a second of a Kestrel node against a bare Node TCP responder.

  --rounds N        rounds, each over all loads and servers (5)
  --seconds S       length of one measurement (0.8)
  --bytes N         size of an item (1024)
  --connections N   with --depth: one load of this shape in place of the default ones
  --depth N         requests in flight on each connection
  --target H:P      measure this running server, which speaks memcache, in place of a node; may be repeated
  --json            print all figures as one JSON object
  --help`;

/** A queue never holds more than this in a measurement, so that memory stays the subject of other ones. */
const queueBytesMax = 100_000_000;
/** Under full load one side at least is always busy, unless others are. */
const idleShareMax = 0.8;
const warmUpSeconds = 0.4;

interface Options {
  rounds: number;
  seconds: number;
  itemBytes: number;
  workloads: readonly Workload[];
  targets: string[];
  isJson: boolean;
}

async function measureAll(options: Options): Promise<Series[]> {
  const load = new Load();
  const targets: Target[] = [];
  try {
    targets.push(await startResponder(options.itemBytes));
    if (options.targets.length === 0) targets.push(await startKestrel());
    for (const address of options.targets) targets.push(runningTarget(address));
    const series = options.workloads.flatMap((workload) =>
      targets.map((target): Series => ({ workload, target, samples: [] })),
    );
    for (const { workload, target } of series) {
      await measure(load, target, workload, options.itemBytes, warmUpSeconds);
    }
    for (let round = 0; round < options.rounds; round++) {
      if (!options.isJson) process.stderr.write(`round ${round + 1} of ${options.rounds}\n`);
      for (const { workload, target, samples } of series) {
        samples.push(await measure(load, target, workload, options.itemBytes, options.seconds));
      }
    }
    return series;
  } finally {
    await load.stop();
    for (const target of targets) await target.stop();
  }
}

/** Repeats filling (not measured) and measuring until `seconds` have been measured. */
async function measure(
  load: Load,
  target: Target,
  workload: Workload,
  itemBytes: number,
  seconds: number,
): Promise<Sample> {
  const { host, port } = target;
  const itemsMax = Math.max(workload.connections * workload.depth, Math.floor(queueBytesMax / itemBytes));
  const base = { host, port, queue: queueName, itemBytes };
  const sample: Sample = { operations: 0, misses: 0, seconds: 0, loadCpuSeconds: 0, serverCpuSeconds: 0 };
  while (sample.seconds < 0.9 * seconds) {
    const secondsMax = seconds - sample.seconds;
    const operationsMax =
      workload.kind === "put+get" || !target.isFilled ? Number.MAX_SAFE_INTEGER : itemsMax;
    if (workload.kind === "get" && target.isFilled) {
      const depth = Math.max(1, Math.min(64, Math.floor(itemsMax / 10)));
      await load.run({
        ...base,
        kind: "put",
        connections: 10,
        depth,
        secondsMax: 600,
        operationsMax: itemsMax,
      });
    }
    const cpuBefore = target.cpuSeconds();
    const result = await load.run({ ...base, ...workload, secondsMax, operationsMax });
    const cpuAfter = target.cpuSeconds();
    sample.operations += result.operations;
    sample.misses += result.misses;
    sample.seconds += result.seconds;
    sample.loadCpuSeconds += result.loadCpuSeconds;
    if (cpuBefore === null || cpuAfter === null) sample.serverCpuSeconds = null;
    else if (sample.serverCpuSeconds !== null) sample.serverCpuSeconds += cpuAfter - cpuBefore;
    await target.empty();
  }
  return sample;
}

function parseOptions(): Options | null {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "0.8" },
      bytes: { type: "string", default: "1024" },
      connections: { type: "string" },
      depth: { type: "string" },
      target: { type: "string", multiple: true, default: [] },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const number = (name: string, text: string): number => {
    const value = Number(text);
    if (!(value > 0)) throw new Error(`--${name} wants a number above 0, not "${text}"`);
    return value;
  };
  const { connections, depth } = values;
  const shape = {
    connections: number("connections", connections ?? "100"),
    depth: number("depth", depth ?? "1"),
  };
  const isDefault = connections === undefined && depth === undefined;
  return {
    rounds: number("rounds", values.rounds),
    seconds: number("seconds", values.seconds),
    itemBytes: number("bytes", values.bytes),
    workloads: isDefault
      ? defaultWorkloads
      : (["put", "get", "put+get"] as const).map((kind) => ({ kind, ...shape })),
    targets: values.target,
    isJson: values.json,
  };
}

async function main(): Promise<void> {
  const options = parseOptions();
  if (options === null) return console.log(usage);
  const figures = figuresOf(await measureAll(options));
  const machine = `${cpus().length} × ${cpus()[0]!.model.trim()}`;
  const { rounds, seconds, itemBytes } = options;
  if (options.isJson) {
    console.log(
      JSON.stringify({
        node: process.version,
        machine,
        isPinned: canPin,
        rounds,
        seconds,
        itemBytes,
        figures,
      }),
    );
    return;
  }
  const pinned = canPin
    ? `server on core ${serverCore}, load on core ${loadCore}`
    : "cores not pinned (no taskset)";
  console.log(`
Node ${process.version}, ${machine}, ${pinned}
items of ${itemBytes.toLocaleString("en")} bytes; medians of ${rounds} rounds of ${seconds} s, half the range as ±
of bare: against the bare responder, by operations a second of time, and of the server's CPU time
busy: share of the time that server / load were on a core\n`);
  console.log(renderTable(figures));
  if (
    figures.some(
      ({ serverBusy, loadBusy }) => serverBusy !== null && Math.max(serverBusy, loadBusy) < idleShareMax,
    )
  ) {
    console.log("\nOther work took these cores' time: where neither side was busy, the figures say little.");
  }
  for (const { workload, target, misses } of figures) {
    if (misses > 0)
      console.log(`${target}: ${misses} of the answers under ${workload.kind} were "nothing there"`);
  }
}

await main();
