/** Processes on a core of their own, so that server and load don't take each other's time. */

import { type ChildProcess, type StdioOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

/** Cores can be given only where `taskset` exists and there are two at least. */
export const canPin: boolean =
  availableParallelism() > 1 && spawnSync("taskset", ["-p", String(process.pid)]).status === 0;

export const serverCore = 0;
export const loadCore = 1;

const clockTicksPerSecond = 100;
const startMsMax = 30_000;
const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** What comes of its standard output: it is read here, or ours, with a channel for messages, or nothing. */
export type Stdio = "pipe" | "ipc" | "none";

const stdios = {
  pipe: ["ignore", "pipe", "inherit"],
  ipc: ["ignore", "inherit", "inherit", "ipc"],
  none: ["ignore", "ignore", "inherit"],
} satisfies Record<Stdio, StdioOptions>;

/** Starts `node args…`, or another program, on the core. Its standard error is ours. */
export function spawnPinned(
  core: number,
  args: readonly string[],
  stdio: Stdio,
  executable: string = process.execPath,
): ChildProcess {
  const command = [executable, ...args];
  const [program, ...rest] = canPin ? ["taskset", "-c", String(core), ...command] : command;
  const child = spawn(program!, rest, { stdio: stdios[stdio] });
  living.add(child);
  child.once("exit", () => living.delete(child));
  return child;
}

/** The first line that the process prints. Throws when it ends before, or takes too long. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), startMsMax);
  const ended = once(child, "exit").then(([code, signal]) => {
    throw new Error(`${child.spawnargs.join(" ")} ended with ${signal ?? code} before it was ready`);
  });
  try {
    const [line] = (await Promise.race([once(createInterface(child.stdout!), "line"), ended])) as [string];
    return line;
  } finally {
    clearTimeout(timer);
    ended.catch(() => {});
  }
}

/** Ends the process and waits for its end. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), startMsMax);
  await ended;
  clearTimeout(timer);
}

/** CPU time in seconds that the process has taken so far, or null where the system doesn't tell (Linux does). */
export function cpuSecondsOf(pid: number): number | null {
  return scheduledSecondsOf(pid) ?? tickedSecondsOf(pid);
}

/** To the nanosecond, of all threads that are still there; null where the kernel doesn't count so. */
function scheduledSecondsOf(pid: number): number | null {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const times = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1"));
    return times.reduce((sum, line) => sum + Number(line.split(" ")[0]) / 1e9, 0);
  } catch {
    return null;
  }
}

function tickedSecondsOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / clockTicksPerSecond;
  } catch {
    return null;
  }
}

/** Resident bytes of the process now, or null where the system doesn't tell (Linux does). */
export function residentBytesOf(pid: number): number | null {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
  } catch {
    return null;
  }
}
