/**
 * Producers and consumers over three real nodes that everything happens to. What was reported stored is handled, what was
 * reported refused is not; an item comes twice only where a confirm of it was lost; every call comes to an end; after
 * each round memory, sockets and timers are back where they were, and in the end the process ends by itself.
 * CLIENT_SOAK_MS lengthens it, CLIENT_SOAK_SEED repeats its choices, CLIENT_SOAK_TRANSPORT does one of the transports.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ClusterOptions, StrategyName, TransportName } from "@kestrel-mq/client";
import { expect, test } from "vitest";
import { Random } from "../../crash/random.ts";
import { describeFootprints, findGrowth, roundsToJudge } from "../../soak/growth.ts";
import type { Order, Report } from "./process.ts";
import { World } from "./world.ts";

/** For all cases together. */
const soakMs = Number(process.env.CLIENT_SOAK_MS ?? 12_000);
const program = fileURLToPath(new URL("../../dist/client/soak/process.js", import.meta.url));

const timeoutMs = 1_000;
const connectTimeoutMs = 500;
/** Far above what any call may take under these time-outs, with three nodes: there to find what hangs. */
const callMsMax = 40_000;

async function tell(child: ChildProcess, order: Order): Promise<void> {
  await new Promise<void>((resolve, reject) =>
    child.send(order, (error) => (error === null ? resolve() : reject(error))),
  );
}

async function runRound(
  world: World,
  child: ChildProcess,
  options: ClusterOptions,
  seed: number,
): Promise<Report> {
  await tell(child, { order: "begin", options, seed });
  world.disturb();
  await pause(roundMs);
  await world.calm();
  await tell(child, { order: "finish" });
  const [report] = (await once(child, "message")) as [Report];
  return report;
}

function expectWell({ violations, hanging, longest, footprint }: Report): void {
  expect(violations).toEqual([]);
  expect(hanging).toEqual([]);
  for (const [call, ms] of Object.entries(longest)) expect(ms, `the longest ${call}`).toBeLessThan(callMsMax);
  expect(footprint.resources.TCPSocketWrap ?? 0, "sockets left").toBe(0);
  expect(footprint.resources.Timeout ?? 0, "timers left").toBe(0);
}

const strategies: readonly StrategyName[] = ["round-robin", "hash"];
const transports = (["memcache", "thrift"] as const).filter(
  (name) => name === (process.env.CLIENT_SOAK_TRANSPORT ?? name),
);
const cases = transports.flatMap((transport) =>
  strategies.map((strategy): [StrategyName, TransportName] => [strategy, transport]),
);
const caseMs = soakMs / cases.length;
const roundMs = Math.min(20_000, caseMs);

/** What a case has come to, when all has held. */
function tellFigures(name: string, reports: readonly Report[], troubles: ReadonlyMap<string, number>): void {
  const sum = (of: (report: Report) => number): string =>
    reports.reduce((total, report) => total + of(report), 0).toLocaleString("en");
  const harm = [...troubles.values()].reduce((total, count) => total + count, 0);
  const stored = sum(({ tally }) => tally.stored);
  const unknown = `${sum(({ tally }) => tally.unknown)} unknown`;
  const twice = `${sum(({ tally }) => tally.doubled)} handled again as told`;
  console.log(`${name}: ${harm} troubles, ${stored} items stored, ${unknown}, ${twice}: lost 0`);
}

test.each(cases)(
  "under %s over %s, everything reported stored is handled, whatever happens to the nodes",
  async (strategy, transport) => {
    const random = Random.announced("CLIENT_SOAK_SEED");
    await using world = await World.start(random, transport);
    const child = fork(program, { stdio: "inherit" });
    const ended = once(child, "exit");
    try {
      const options: ClusterOptions = {
        servers: world.addresses,
        strategy,
        transport,
        timeoutMs,
        connectTimeoutMs,
        retry: { minMs: 20, maxMs: 500 },
        search: { minMs: 100, maxMs: 1_000 },
        idleMs: 2_000,
      };
      const reports: Report[] = [];
      const endsAt = performance.now() + caseMs;
      do {
        const report = await runRound(world, child, options, random.whole(0, 2 ** 32 - 1));
        reports.push(report);
        console.log(
          `${strategy}, ${transport}: ${JSON.stringify({ ...report.tally, ...report.footprint, longest: report.longest })}`,
        );
        expectWell(report);
        await expect.poll(() => world.leftovers(), { timeout: 10_000 }).toEqual([]);
        expect(report.tally.stored).toBeGreaterThan(100);
      } while (performance.now() < endsAt);
      console.log(
        `${strategy}, ${transport}: ${[...world.counts].map(([name, count]) => `${name} ${count}`).join(", ")}`,
      );
      const name = `${strategy} over ${transport}`;
      tellFigures(name, reports, world.counts);
      if (reports.length >= roundsToJudge) {
        const measures = reports.map(({ footprint: { heapBytes, residentBytes, openFiles } }) => ({
          heapBytes,
          residentBytes,
          openFiles,
        }));
        for (const line of describeFootprints(measures)) console.log(`${name}, ${line}`);
        expect(findGrowth(measures)).toEqual([]);
      }
      await tell(child, { order: "end" });
      const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
      expect(await ended).toEqual([0, null]);
      clearTimeout(timer);
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  },
  120_000 + 4 * caseMs,
);
