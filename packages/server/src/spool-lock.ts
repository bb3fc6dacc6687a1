/**
 * One process owns a spool folder. The lock is a file with the owner's process id and that process's start; it is
 * stale when no such process runs, so neither a SIGKILL nor a process id given to somebody else stops the next
 * start. It does not guard against another machine, or another container with process ids of its own, that shares
 * the folder.
 */
import fs from "node:fs";
import path from "node:path";

const lockName = ".kestrel.lock";

interface LockOwner {
  readonly pid: number;
  /** Tells this process from another that once gets the same id; empty where the system does not say. */
  readonly started: string;
}

/** Somebody else owns the folder. */
export class SpoolLockedError extends Error {
  constructor(folder: string, pid: number) {
    super(`the spool folder ${folder} is in use by a kestrel that runs as process ${pid}`);
    this.name = "SpoolLockedError";
  }
}

/** Boot and start time of a running process, as Linux tells them; undefined when it does not run. */
function findStart(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name in brackets may hold anything; the start time is field 22, counted from the one behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return fields[0] === "Z" ? undefined : `${boot} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

function isRunning(owner: LockOwner): boolean {
  if (fs.existsSync("/proc/self/stat")) {
    const started = findStart(owner.pid);
    return started !== undefined && (owner.started === "" || owner.started === started);
  }
  if (owner.pid === process.pid) return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function parseOwner(text: string): LockOwner | undefined {
  try {
    const { pid, started } = JSON.parse(text) as Partial<LockOwner>;
    return Number.isInteger(pid) && typeof started === "string" ? { pid: pid!, started } : undefined;
  } catch {
    return undefined;
  }
}

/** The running process that owns a spool folder; undefined when there is none. Takes nothing and changes nothing. */
export function findSpoolOwner(folder: string): number | undefined {
  let text: string;
  try {
    text = fs.readFileSync(path.join(folder, lockName), "utf8");
  } catch {
    return undefined;
  }
  const owner = parseOwner(text);
  return owner !== undefined && isRunning(owner) ? owner.pid : undefined;
}

export class SpoolLock {
  readonly #path: string;

  private constructor(lockPath: string) {
    this.#path = lockPath;
  }

  /** Takes the folder, which must exist. Throws SpoolLockedError, or the system's error. */
  static take(folder: string): SpoolLock {
    const lockPath = path.join(folder, lockName);
    const mine = `${lockPath}.${process.pid}`;
    const owner: LockOwner = { pid: process.pid, started: findStart(process.pid) ?? "" };
    fs.writeFileSync(mine, `${JSON.stringify(owner)}\n`);
    try {
      // A link either appears whole or not at all, and never replaces one that is there.
      for (let attempt = 0; ; attempt++) {
        try {
          fs.linkSync(mine, lockPath);
          return new SpoolLock(lockPath);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt === 10) throw error;
        }
        SpoolLock.#clearStale(folder, lockPath, mine);
      }
    } finally {
      fs.rmSync(mine, { force: true });
    }
  }

  /** Removes the lock of a process that is gone. Throws SpoolLockedError when it is not gone. */
  static #clearStale(folder: string, lockPath: string, mine: string): void {
    let text: string;
    try {
      text = fs.readFileSync(lockPath, "utf8");
    } catch {
      return;
    }
    const owner = parseOwner(text);
    if (owner !== undefined && isRunning(owner)) throw new SpoolLockedError(folder, owner.pid);
    // Whoever moves it away removes it; if it has changed hands meanwhile it is put back.
    const moved = `${mine}.stale`;
    try {
      fs.renameSync(lockPath, moved);
    } catch {
      return;
    }
    if (fs.readFileSync(moved, "utf8") !== text) {
      try {
        fs.linkSync(moved, lockPath);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
    fs.rmSync(moved, { force: true });
  }

  /** A spool folder that was emptied behind our back is still ours. */
  renew(): void {
    if (fs.existsSync(this.#path)) return;
    fs.mkdirSync(path.dirname(this.#path), { recursive: true });
    SpoolLock.take(path.dirname(this.#path));
  }

  release(): void {
    fs.rmSync(this.#path, { force: true });
  }
}
