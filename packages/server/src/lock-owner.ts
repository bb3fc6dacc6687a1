/**
 * The process that a lock names, and whether it still runs. Process ids mean something only within one run of the
 * system and one namespace of processes, and even there not every system lets everybody see every process: so there
 * are three answers. Knows no lock and no folder.
 */
import fs from "node:fs";
import os from "node:os";

export interface LockOwner {
  readonly pid: number;
  /** When the process was started, in the system's own unit; empty where the system does not say. */
  readonly started: string;
  /** The run of the system; empty where it does not say. */
  readonly boot: string;
  /** The namespace in which `pid` means this process, as containers have their own; empty where there are none. */
  readonly namespace: string;
  /** The machine's or container's name, for people. */
  readonly host: string;
}

/** `unknown`: it may be running where we cannot see it. */
export type OwnerState = "running" | "gone" | "unknown";

/** This process. */
export function describeThisProcess(): LockOwner {
  return {
    pid: process.pid,
    started: findStart(process.pid) ?? "",
    boot: readOr("", () => fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()),
    namespace: readOr("", () => fs.readlinkSync("/proc/self/ns/pid")),
    host: os.hostname(),
  };
}

export function stateOf(owner: LockOwner, self: LockOwner): OwnerState {
  if (owner.boot !== self.boot || owner.namespace !== self.namespace) return "unknown";
  if (owner.pid === self.pid) return owner.started === self.started ? "running" : "gone";
  const started = findStart(owner.pid);
  if (started !== undefined && owner.started !== "") return started === owner.started ? "running" : "gone";
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "gone";
  }
  // It runs, but is hidden from us (mounted with `hidepid`, say), and may be another process with the same id.
  return "unknown";
}

/** Undefined: no such process can be seen, or it has ended and only its parent does not know yet. */
function findStart(pid: number): string | undefined {
  return readOr(undefined, () => {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in brackets may hold anything; the start time is field 22, counted from the one behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  });
}

function readOr<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
