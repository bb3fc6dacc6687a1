/**
 * What all load tests share: they flush their queues first, run, look whether anything is left that should not
 * be, settle the account, and tell how it went. Exit code 1 when any item was lost, doubled, out of order,
 * damaged or nobody's, or a node did not do what it was asked to.
 */
import { type ExitCode, exitCodes, Interrupted } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { colorsFor, formOf, renderJson } from "../terminal/output.ts";
import { Progress } from "../terminal/progress.ts";
import { writeOut } from "../terminal/writing.ts";
import type { LatencySummary } from "./latencies.ts";
import { type Faults, Ledger } from "./ledger.ts";
import { type LoadArguments, loadTargets } from "./load-flags.ts";
import { LoadRun } from "./load-run.ts";
import type { ConnectWire, WireTarget } from "./wire.ts";

export interface LoadPlan {
  /** The test's name, as on the command line. */
  name: string;
  /** What it does, with its numbers. */
  description: string;
  itemBytes: number;
  /** Items to be put. */
  length: number;
  /** Whether they are got again, each of them. */
  isRead: boolean;
  queues: readonly string[];
  body(run: LoadRun): Promise<void>;
}

interface LoadReport {
  test: string;
  nodes: string[];
  ms: number;
  put: number;
  got: number;
  misses: number;
  putsPerSecond: number;
  getsPerSecond: number;
  /** In milliseconds a request. */
  puts: LatencySummary | null;
  gets: LatencySummary | null;
  faults: Faults;
  failure: string | null;
}

export async function runLoadTest(
  plan: LoadPlan,
  args: LoadArguments,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { interrupted } = surroundings;
  const { connect, ...named } = await loadTargets(args, surroundings);
  const { targets, isWhole } = await reachable(named.targets, connect, (error) =>
    say(surroundings, `kq load ${plan.name}: ${explain(error)}`),
  );
  const ledger = new Ledger(plan.itemBytes);
  const progress = new Progress(surroundings, plan.name, plan.isRead ? plan.length * 2 : plan.length);
  const run = new LoadRun({ targets, connect, ledger, progress, stalledMs: args.timeout, interrupted });
  const stop = () => run.end();
  interrupted.addEventListener("abort", stop);
  if (surroundings.stderr.isTTY === true) say(surroundings, plan.description);
  let failure: string | null = null;
  let startedMs = Date.now();
  let endedMs = startedMs;
  try {
    if (args.noFlush !== true) await run.flush(plan.queues);
    startedMs = Date.now();
    await plan.body(run);
    endedMs = Date.now();
    if (plan.isRead && args.noFlush !== true) await run.sweep(plan.queues);
  } catch (error) {
    if (interrupted.aborted) throw new Interrupted();
    failure = explain(error);
    endedMs = Date.now();
  } finally {
    interrupted.removeEventListener("abort", stop);
    run.end();
    progress.stop();
  }
  if (plan.isRead && failure === null) ledger.close();
  const report: LoadReport = {
    test: plan.name,
    nodes: targets.map(({ host, port }) => `${host}:${port}`),
    ms: endedMs - startedMs,
    put: ledger.missing + ledger.received,
    got: ledger.received,
    misses: run.misses,
    putsPerSecond: perSecond(ledger.missing + ledger.received, run.puts.spanMs),
    getsPerSecond: perSecond(ledger.received, run.gets.spanMs),
    puts: run.puts.summary(),
    gets: run.gets.summary(),
    faults: ledger.faults,
    failure,
  };
  const isJson = formOf(surroundings.stdout, args.json) === "json";
  await writeOut(surroundings.stdout, isJson ? renderJson(report) : render(report, surroundings));
  for (const example of ledger.examples) say(surroundings, `kq load ${plan.name}: ${example}`);
  if (failure !== null) say(surroundings, `kq load ${plan.name}: ${failure}`);
  return failure === null && ledger.isFaultless && isWhole ? exitCodes.done : exitCodes.failed;
}

/** The nodes that can be reached. One that can't is told and left out; when none can, that is the failure. */
async function reachable(
  targets: readonly WireTarget[],
  connect: ConnectWire,
  tell: (error: unknown) => void,
): Promise<{ targets: WireTarget[]; isWhole: boolean }> {
  const attempts = await Promise.allSettled(targets.map((target) => connect(target)));
  for (const attempt of attempts) if (attempt.status === "fulfilled") attempt.value.destroy();
  const failures = attempts.flatMap((attempt) => (attempt.status === "rejected" ? [attempt.reason] : []));
  if (failures.length === targets.length) throw failures[0];
  for (const failure of failures) tell(failure);
  return {
    targets: targets.filter((_, index) => attempts[index]!.status === "fulfilled"),
    isWhole: failures.length === 0,
  };
}

function render(report: LoadReport, { stdout, env }: Surroundings): string {
  const colors = colorsFor(stdout, env);
  const { faults } = report;
  const told = (number: number) => number.toLocaleString("en");
  const count = (length: number, words: string) =>
    length > 0 ? colors.red(`${length} ${words}`) : `${length} ${words}`;
  const lines = [
    `${report.test} on ${report.nodes.join(", ")}: ${(report.ms / 1000).toFixed(2)} s`,
    `put ${told(report.put)} items, ${told(report.putsPerSecond)} a second${latencies(report.puts)}`,
  ];
  if (report.gets !== null) {
    lines.push(
      `got ${told(report.got)} items, ${told(report.getsPerSecond)} a second${latencies(report.gets)}`,
    );
  }
  lines.push(
    [
      count(faults.lost, "lost"),
      count(faults.doubled, "doubled"),
      count(faults.outOfOrder, "out of order"),
      count(faults.damaged, "damaged"),
      count(faults.foreign, "nobody's"),
    ].join(", "),
  );
  return `${lines.join("\n")}\n`;
}

function perSecond(length: number, spanMs: number): number {
  return length === 0 ? 0 : Math.round((length * 1000) / Math.max(1, spanMs));
}

function latencies(summary: LatencySummary | null): string {
  if (summary === null) return "";
  const { min, p50, p75, p90, p95, p99, p999, p9999, max } = summary;
  const figures = Object.entries({ min, p50, p75, p90, p95, p99, p999, p9999, max });
  return `\n    ms a request: ${figures.map(([name, ms]) => `${name} ${ms.toFixed(2)}`).join("  ")}`;
}
