/**
 * Figures of one node that are not about requests a second alone: a backlog that does not fit in memory and the
 * start after it, many queues, fanouts, and answers that wait for the medium. Each beside what it is compared with,
 * in the same run.
 */

import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { factsOf } from "./facts.ts";
import { Load } from "./load-process.ts";
import { BenchNode } from "./node.ts";
import { performancePage, writeToPage } from "./performance-page.ts";
import type { Section, Verdict } from "./section.ts";
import type { Kind } from "./workload.ts";

const usage = `Measures a node's memory, starts, fanouts and syncs.

  --items N     of the backlog, of 100 bytes each (10000000)
  --queues N    with one item each (10000)
  --churn N     queues created and deleted in turn, after as many before (20000)
  --only NAME   backlog, queues, fanouts or sync
  --report      put what is found into docs/performance.md
  --help`;

const mebibyte = 1024 * 1024;
const backlogItemBytes = 100;
const pipelined = { connections: 10, depth: 64 };

const found: Verdict[] = [];

function tell(what: string, figure: string, target: string, isMet: boolean): void {
  found.push({ what, figure, target, isMet, gap: "" });
  console.log(`${what.padEnd(58)} ${figure.padStart(22)}   ${target} ${isMet ? "met" : "MISSED"}`);
}

/** Settings in a file of their own, in a folder that also takes the spool. */
async function withNode(
  settings: object,
  use: (node: BenchNode, load: Load) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "kestrel-bench-"));
  const load = new Load();
  const config = join(folder, "kestrel.json");
  await writeFile(config, JSON.stringify(settings));
  const node = await BenchNode.start(join(folder, "spool"), config);
  try {
    await use(node, load);
  } finally {
    await load.stop();
    await node.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Operations a second. */
async function rate(load: Load, node: BenchNode, kind: Kind, queue: string, job: JobShape): Promise<number> {
  const { host, port } = node;
  const secondsMax = job.secondsMax ?? 3600;
  const operationsMax = job.operationsMax ?? Number.MAX_SAFE_INTEGER;
  const { operations, seconds } = await load.run({
    host,
    port,
    dialect: "memcache",
    kind,
    queues: [queue],
    ...job,
    secondsMax,
    operationsMax,
  });
  return operations / seconds;
}

interface JobShape {
  connections: number;
  depth: number;
  itemBytes: number;
  secondsMax?: number;
  operationsMax?: number;
}

async function measureBacklog(items: number): Promise<void> {
  await withNode({ default: { maxMemorySize: "64MB" } }, async (node, load) => {
    const shape = { ...pipelined, itemBytes: backlogItemBytes };
    const emptyStartMs = await node.restart();
    const part = Math.min(items, 400_000);
    await rate(load, node, "put", "small", { ...shape, operationsMax: part });
    const inMemory = await rate(load, node, "get", "small", { ...shape, operationsMax: part });
    const filling = node.watchMemory();
    await rate(load, node, "put", "backlog", { ...shape, operationsMax: items });
    const fillBytes = filling.stop();
    const startMs = await node.restart();
    const draining = node.watchMemory();
    const behind = await rate(load, node, "get", "backlog", { ...shape, operationsMax: items });
    const drainBytes = draining.stop();
    const peak = Math.max(fillBytes, drainBytes);
    const count = items.toLocaleString("en");
    tell(
      `${count} items behind: resident memory`,
      `${Math.round(peak / mebibyte)} MiB`,
      "< 350 MiB",
      peak < 350 * mebibyte,
    );
    tell(
      "  draining, beside a queue that fits in memory",
      (behind / inMemory).toFixed(2),
      ">= 0.8",
      behind / inMemory >= 0.8,
    );
    const longer = startMs - emptyStartMs;
    tell(
      "  start until the ready line, longer than an empty node's",
      `${Math.round(longer)} ms (${Math.round(startMs)})`,
      "<= 300 ms",
      longer <= 300,
    );
  });
}

async function measureQueues(queues: number, churn: number): Promise<void> {
  await withNode({}, async (node) => {
    const names = Array.from({ length: queues }, (_, number) => `queue-${number}`);
    await node.ask(
      names.map((name) => `set ${name} 0 0 5\r\nhello\r\n`),
      "STORED\r\n",
    );
    const bytes = node.memory();
    const startMs = await node.restart();
    const count = queues.toLocaleString("en");
    tell(
      `${count} queues, one item each: resident memory`,
      `${Math.round(bytes / mebibyte)} MiB`,
      "< 400 MiB",
      bytes < 400 * mebibyte,
    );
    tell("  start until the ready line", `${Math.round(startMs)} ms`, "< 5 s", startMs < 5000);
    const found = await node.ask(
      names.map((name) => `get ${name}\r\n`),
      "END\r\n",
    );
    const isAll = found.split("VALUE ").length - 1 === queues;
    tell("  items that are there again", isAll ? "all" : "NOT ALL", "all", isAll);
    const requests = (from: number, to: number): string[] =>
      Array.from(
        { length: to - from },
        (_, n) => `set t${from + n} 0 0 5\r\nhello\r\ndelete t${from + n}\r\n`,
      );
    // Node's heap finds its size first, with as many.
    const warmUp = churn;
    for (let from = 0; from < warmUp; from += 1000) {
      await node.ask(requests(from, Math.min(warmUp, from + 1000)), "DELETED\r\n");
    }
    const before = node.memory();
    const filesBefore = (await readdir(node.spool)).length;
    for (let from = warmUp; from < warmUp + churn; from += 1000) {
      await node.ask(requests(from, Math.min(warmUp + churn, from + 1000)), "DELETED\r\n");
    }
    const grown = node.memory() - before;
    const filesGrown = (await readdir(node.spool)).length - filesBefore;
    tell(
      `${churn.toLocaleString("en")} queues created and deleted: memory and files grown`,
      `${Math.round(grown / mebibyte)} MiB, ${filesGrown}`,
      "< 50 MiB, < 100",
      grown < 50 * mebibyte && filesGrown < 100,
    );
  });
}

async function measureFanouts(): Promise<void> {
  await withNode({}, async (node, load) => {
    const shape = { connections: 100, depth: 1, itemBytes: 1024 };
    await node.ask(
      ["get plain\r\n", "get wide\r\n", ...Array.from({ length: 10 }, (_, n) => `get wide+child${n}\r\n`)],
      "END\r\n",
    );
    const ratios: number[] = [];
    const bytesOfOne = { plain: 0, wide: 0 };
    for (let round = 0; round < 5; round++) {
      const rates = { plain: 0, wide: 0 };
      for (const queue of ["plain", "wide"] as const) {
        const before = await node.journalBytes(queue);
        const operationsMax = 30_000;
        rates[queue] = await rate(load, node, "put", queue, { ...shape, operationsMax });
        bytesOfOne[queue] = ((await node.journalBytes(queue)) - before) / operationsMax;
      }
      ratios.push(rates.wide / rates.plain);
    }
    const median = ratios.sort((a, b) => a - b)[2]!;
    tell(
      "puts into a queue with 10 fanouts, beside a plain one",
      median.toFixed(2),
      ">= 0.75",
      median >= 0.75,
    );
    const bytes = bytesOfOne.wide / bytesOfOne.plain;
    tell("  bytes written", bytes.toFixed(2), "<= 1.2", bytes <= 1.2);
  });
}

async function measureSync(): Promise<void> {
  await withNode({ default: { syncJournal: 0 } }, async (node, load) => {
    const shape = { depth: 1, itemBytes: 1024, secondsMax: 2 };
    const ratios: number[] = [];
    for (let round = 0; round < 3; round++) {
      const one = await rate(load, node, "put", "q", { ...shape, connections: 1 });
      const many = await rate(load, node, "put", "q", { ...shape, connections: 100 });
      ratios.push(many / one);
    }
    const median = ratios.sort((a, b) => a - b)[1]!;
    tell("syncJournal 0: puts of 100 connections, beside one", median.toFixed(1), ">= 10", median >= 10);
  });
}

async function report(): Promise<void> {
  const section: Section = {
    name: "backlogs",
    title: "Backlogs, starts, memory",
    notes: [],
    legend: [],
    head: [],
    rows: [],
    chart: [],
    verdicts: found.map((verdict) => ({ ...verdict, what: verdict.what.trim() })),
  };
  await writeToPage(performancePage, [section], factsOf("pnpm bench:queues"));
}

const { values } = parseArgs({
  options: {
    items: { type: "string", default: "10000000" },
    queues: { type: "string", default: "10000" },
    churn: { type: "string", default: "20000" },
    only: { type: "string" },
    report: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(usage);
} else {
  const isWanted = (name: string): boolean => values.only === undefined || values.only === name;
  if (isWanted("backlog")) await measureBacklog(Number(values.items));
  if (isWanted("queues")) await measureQueues(Number(values.queues), Number(values.churn));
  if (isWanted("fanouts")) await measureFanouts();
  if (isWanted("sync")) await measureSync();
  if (values.report) await report();
  if (found.some(({ isMet }) => !isMet)) process.exitCode = 1;
}
