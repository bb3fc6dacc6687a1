/** One KestrelClusterClient, by either wire, beside a bare socket that says the same in memcache ASCII. */

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TransportName } from "@kestrel-mq/client";
import type { ClientJob, ClientResult } from "../client-job.ts";
import { median } from "../figures.ts";
import { measure } from "../measure.ts";
import { endProcess, loadCore, spawnPinned } from "../pinned-process.ts";
import { atLeast, percent, type Section, size, whole } from "../section.ts";
import { cpuSeconds, empty, startKestrel, type Target } from "../target.ts";
import { type Bench, type Suite, withTargets } from "./suite.ts";

const depth = 32;
const batchLength = 100;
const itemBytes = 100;
const itemsMax = 1_000_000;
const warmUpSeconds = 0.4;
const shareOfRawMin = 0.5;
/** What is above memjs may cost no more than that. */
const shareOfMemjsMin = 0.5;
const batchesOfSinglesMin = 3;

export const client: Suite = {
  name: "client",
  about:
    "one KestrelClusterClient over memcache and thrift, beside a bare socket; 32 in flight, batches of 100",
  run: measureClient,
};

/** A row of the table; each round has one rate of it, in items a second. */
interface Row {
  load: string;
  transport: ClientJob["transport"] | null;
  kind: ClientJob["kind"];
  depth: number;
  batchLength: number;
  rates: number[];
  /** Items a second if nothing else took the cores: by the CPU time of the busier side. */
  ratesByCpu: number[];
  busy: number[];
}

function rowsOf(): Row[] {
  const row = (load: string, transport: Row["transport"], kind: Row["kind"], length = 1): Row => {
    return {
      load,
      transport,
      kind,
      depth: length === 1 ? depth : 1,
      batchLength: length,
      rates: [],
      ratesByCpu: [],
      busy: [],
    };
  };
  const batched = (kind: "putMany" | "getMany", transport: TransportName): Row =>
    row(`${kind} of ${batchLength}, ${transport}`, transport, kind, batchLength);
  return [
    row(`bare socket, memcache ASCII, put, 1 × ${depth}`, null, "put"),
    row(`memjs alone, set, ${depth} in flight`, "memjs", "put"),
    row(`put, ${depth} in flight, memcache`, "memcache", "put"),
    row(`put, ${depth} in flight, thrift`, "thrift", "put"),
    batched("putMany", "memcache"),
    batched("putMany", "thrift"),
    batched("getMany", "memcache"),
    batched("getMany", "thrift"),
  ];
}

async function measureClient(bench: Bench): Promise<Section> {
  const settings = { maxOpenTransactions: 1000 };
  return await withTargets([() => startKestrel(settings)], async ([target]) => {
    const rows = rowsOf();
    const child = spawnPinned(
      loadCore,
      [fileURLToPath(new URL("../client-load.js", import.meta.url))],
      "ipc",
    );
    const run = async (job: ClientJob): Promise<ClientResult> => {
      child.send(job);
      const [answer] = (await once(child, "message")) as [{ result: ClientResult } | { error: string }];
      if ("error" in answer) throw new Error(answer.error);
      return answer.result;
    };
    try {
      for (const row of rows) await measureRow(bench, target!, run, row, warmUpSeconds);
      for (const row of rows) Object.assign(row, { rates: [], ratesByCpu: [], busy: [] });
      for (let round = 0; round < bench.rounds; round++) {
        process.stderr.write(`round ${round + 1} of ${bench.rounds}\n`);
        for (const row of rows) await measureRow(bench, target!, run, row, bench.seconds);
      }
    } finally {
      await endProcess(child);
    }
    return sectionOf(rows);
  });
}

async function measureRow(
  bench: Bench,
  target: Target,
  run: (job: ClientJob) => Promise<ClientResult>,
  row: Row,
  seconds: number,
): Promise<void> {
  const { transport, kind } = row;
  if (transport === null) {
    const workload = { kind: "put", connections: 1, depth: row.depth } as const;
    const sample = await measure(bench.load, { target, workload, itemBytes }, seconds);
    note(row, {
      items: sample.operations,
      seconds: sample.seconds,
      cpuSeconds: sample.loadCpuSeconds,
      serverCpuSeconds: sample.serverCpuSeconds ?? 0,
    });
    return;
  }
  const port = transport === "thrift" ? target.thriftPort! : target.port;
  const job = { transport, port, kind, depth: row.depth, batchLength: row.batchLength, itemBytes };
  if (kind === "getMany") {
    const stock = { ...job, transport: "thrift", port: target.thriftPort!, kind: "putMany" } as const;
    await run({ ...stock, batchLength: 1000, seconds: 60, itemsMax: Math.ceil(400_000 * seconds) });
  }
  const cpuBefore = cpuSeconds(target) ?? 0;
  const result = await run({ ...job, seconds, itemsMax: kind === "getMany" ? 350_000 * seconds : itemsMax });
  note(row, { ...result, serverCpuSeconds: (cpuSeconds(target) ?? 0) - cpuBefore });
  await empty(target);
}

function note(row: Row, result: ClientResult & { readonly serverCpuSeconds: number }): void {
  const { items, seconds, cpuSeconds: clientCpuSeconds, serverCpuSeconds } = result;
  row.rates.push(items / seconds);
  row.ratesByCpu.push(items / Math.max(clientCpuSeconds, serverCpuSeconds));
  row.busy.push(clientCpuSeconds / seconds);
}

function sectionOf(rows: readonly Row[]): Section {
  const [raw, bareMemjs, single] = [rows[0]!, rows[1]!, rows[2]!];
  const ratioOf = (one: Row, other: Row, which: "rates" | "ratesByCpu" = "rates"): number =>
    median(one[which].map((value, round) => value / other[which][round]!));
  const batches = rows.find(({ kind, transport }) => kind === "putMany" && transport === "thrift")!;
  return {
    name: "client",
    title: "The client",
    legend: [],
    notes: [
      `One client on the load's core, items of ${size(itemBytes)}; “in flight”: so many calls at the same time. Batches`,
      "are one call at a time. Items a second of time, and of the CPU time of the busier side, which other work hardly",
      "moves; “busy” is the client's share of its core.",
    ],
    head: ["load", "items/s", "±", "of bare", "by CPU", "of single memcache puts", "by CPU", "busy"],
    rows: rows.map((row) => [
      row.load,
      whole(median(row.rates)),
      percent((Math.max(...row.rates) - Math.min(...row.rates)) / 2 / median(row.rates)),
      row === raw ? "" : ratioOf(row, raw).toFixed(2),
      row === raw ? "" : ratioOf(row, raw, "ratesByCpu").toFixed(2),
      row === single ? "" : ratioOf(row, single).toFixed(2),
      row === single ? "" : ratioOf(row, single, "ratesByCpu").toFixed(2),
      percent(median(row.busy)),
    ]),
    chart: rows.map((row) => ({
      label: row.load,
      value: median(row.rates),
      text: whole(median(row.rates)),
    })),
    verdicts: [
      atLeast(`put, ${depth} in flight, memcache: of the bare socket`, ratioOf(single, raw), shareOfRawMin),
      atLeast(
        `put, ${depth} in flight, memcache: of memjs alone`,
        ratioOf(single, bareMemjs),
        shareOfMemjsMin,
      ),
      atLeast(
        `putMany of ${batchLength}, thrift: of single memcache puts`,
        ratioOf(batches, single),
        batchesOfSinglesMin,
      ),
    ],
  };
}
