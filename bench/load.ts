/**
 * The load generator, a process of its own: takes jobs over Node's IPC channel and answers each with a result.
 * Requests are made beforehand, answers are recognised by their first line and their bodies skipped, so that it
 * costs less than any server it measures. It checks the shape of every answer, not the items.
 */

import { once } from "node:events";
import { Connection } from "./load-connection.ts";
import { LoadRun } from "./load-run.ts";
import { requestsOf } from "./wire.ts";
import type { Job, JobResult } from "./workload.ts";

async function runJob(job: Job): Promise<JobResult> {
  const run = new LoadRun(job);
  const shared =
    job.queues.length <= job.connections ? job.queues.map((queue) => rowsFor(job, [queue])) : null;
  const connections = Array.from({ length: job.connections }, (_, number) => {
    const own = job.queues.filter((_, i) => i % job.connections === number);
    return new Connection(job, run, shared?.[number % shared.length] ?? rowsFor(job, own));
  });
  try {
    await Promise.all(connections.map(({ socket }) => once(socket, "connect")));
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const finished = run.untilFinished();
    if (job.pacePerSecond === undefined) {
      for (const connection of connections) connection.send(job.depth);
      run.check();
    } else {
      pace(run, connections, job.pacePerSecond);
    }
    await finished;
    const seconds = (performance.now() - startedAt) / 1000;
    const cpu = process.cpuUsage(cpuBefore);
    const loadCpuSeconds = (cpu.user + cpu.system) / 1e6;
    const latencies = run.times?.summary() ?? null;
    return { operations: run.answered, misses: run.misses, seconds, loadCpuSeconds, latencies };
  } finally {
    for (const connection of connections) connection.end();
  }
}

/** Sends each operation when it is due, on the connections in turn. It spins: no timer is fine enough. */
function pace(run: LoadRun, connections: readonly Connection[], perSecond: number): void {
  const startedAt = performance.now();
  const msBetween = 1000 / perSecond;
  let sent = 0;
  const turn = (): void => {
    const due = Math.floor((performance.now() - startedAt) / msBetween);
    while (sent < due && !run.isEnding) {
      if (!connections[sent % connections.length]!.sendDue(startedAt + sent * msBetween)) break;
      sent++;
    }
    if (run.isEnding) run.check();
    else setImmediate(turn);
  };
  turn();
}

function rowsFor(
  { dialect, kind, itemBytes, depth, pacePerSecond }: Job,
  queues: readonly string[],
): Buffer[][] {
  const pattern = queues.flatMap((queue) => requestsOf(dialect, kind, queue, itemBytes));
  return rowsOf(pattern, pacePerSecond === undefined ? depth : 1);
}

/** Rows of 0 to `count` requests, for each place in the pattern at which a row can begin. */
function rowsOf(pattern: Buffer[], count: number): Buffer[][] {
  return pattern.map((_, phase) => {
    const longest = Array.from({ length: count }, (_, i) => pattern[(phase + i) % pattern.length]!);
    const all = count === 1 ? longest[0]! : Buffer.concat(longest);
    const rows = [all.subarray(0, 0)];
    for (const request of longest) rows.push(all.subarray(0, rows.at(-1)!.length + request.length));
    return rows;
  });
}

process.on("message", (job: Job) => {
  runJob(job).then(
    (result) => process.send!({ result }),
    (error: Error) => process.send!({ error: error.message }),
  );
});
