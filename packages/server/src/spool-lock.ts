/**
 * One process owns a spool folder. The lock is a file that names it and that it touches each second. Who finds one
 * takes the folder when the owner is surely gone: at once where its process can be looked for, so that a SIGKILL does
 * not stop the next start; else, as in another container or on another machine that shares the folder, when the file
 * has not been touched for ten seconds. An owner that was stopped for so long learns from `renew` that it is none.
 */
import { randomUUID } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describeThisProcess, type LockOwner, stateOf } from "./lock-owner.ts";

const lockName = ".kestrel.lock";
const beatMs = 1000;
/** An owner that cannot be looked for and is silent for this long is gone. */
const silenceMs = 10_000;
const pollMs = 250;
/** Others may take the folder and let it go while we try. */
const attemptsMax = 10;

/** Somebody else owns the folder. */
export class SpoolLockedError extends Error {
  constructor(folder: string, { pid, namespace, boot, host }: LockOwner) {
    const self = describeThisProcess();
    const isElsewhere = namespace !== self.namespace || boot !== self.boot;
    super(
      `the spool folder ${folder} is in use by a kestrel that runs as process ${pid}` +
        (isElsewhere
          ? ` on ${host}, in another container or on another machine: give each node its own`
          : ""),
    );
    this.name = "SpoolLockedError";
  }
}

/** A lock as it lies there. */
interface FoundLock {
  readonly text: string;
  /** Undefined: no lock of ours; nobody holds it. */
  readonly owner: LockOwner | undefined;
  readonly touchedMs: number;
}

function findLock(lockPath: string): FoundLock | undefined {
  try {
    const text = fs.readFileSync(lockPath, "utf8");
    return { text, owner: parseOwner(text), touchedMs: fs.statSync(lockPath).mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parseOwner(text: string): LockOwner | undefined {
  try {
    const { pid, started, boot, namespace, host } = JSON.parse(text) as Partial<LockOwner>;
    const isWhole = [started, boot, namespace, host].every((field) => typeof field === "string");
    if (!Number.isInteger(pid) || !isWhole) return undefined;
    return { pid: pid!, started: started!, boot: boot!, namespace: namespace!, host: host! };
  } catch {
    return undefined;
  }
}

/** Whether the owner is silent already; only one clock can tell, so the owner must be of the same run of the system. */
function isSilent({ owner, touchedMs }: FoundLock, self: LockOwner): boolean {
  return owner?.boot === self.boot && Math.abs(Date.now() - touchedMs) >= silenceMs;
}

/**
 * The process that owns a spool folder; undefined when there is none. Takes nothing and changes nothing. An owner
 * that cannot be looked for counts unless it is known to be silent.
 */
export function findSpoolOwner(folder: string): number | undefined {
  const self = describeThisProcess();
  const found = findLock(path.join(folder, lockName));
  if (found?.owner === undefined) return undefined;
  const state = stateOf(found.owner, self);
  return state === "gone" || (state === "unknown" && isSilent(found, self)) ? undefined : found.owner.pid;
}

/** Whether nobody touches the lock in that time. */
async function staysSilent(lockPath: string, found: FoundLock, watchMs: number): Promise<boolean> {
  for (const end = Date.now() + watchMs; Date.now() < end; ) {
    await sleep(pollMs);
    const now = findLock(lockPath);
    // Gone or another's: whoever asked looks again.
    if (now === undefined || now.text !== found.text) return true;
    if (now.touchedMs !== found.touchedMs) return false;
  }
  return true;
}

export class SpoolLock {
  readonly #folder: string;
  readonly #path: string;
  readonly #self: LockOwner;
  readonly #text: string;
  readonly #beat: NodeJS.Timeout;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#path = path.join(folder, lockName);
    this.#self = describeThisProcess();
    this.#text = `${JSON.stringify(this.#self)}\n`;
    this.#beat = setInterval(() => this.#touch(), beatMs).unref();
  }

  /**
   * Takes the folder, which must exist. `onWait` is told when there is an owner that may be gone, which takes `watchMs`
   * to find out. Rejects with SpoolLockedError, or the system's error.
   */
  static async take(
    folder: string,
    onWait: (reason: string) => void,
    watchMs: number = silenceMs,
  ): Promise<SpoolLock> {
    const lock = new SpoolLock(folder);
    try {
      await lock.#take(onWait, watchMs);
    } catch (error) {
      clearInterval(lock.#beat);
      throw error;
    }
    return lock;
  }

  async #take(onWait: (reason: string) => void, watchMs: number): Promise<void> {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      // Looked for first: on a full disk, too, it is told that the folder is another's.
      const found = findLock(this.#path);
      if (found === undefined) {
        if (this.#place()) return;
        continue;
      }
      const { owner } = found;
      if (owner !== undefined && (await this.#isAlive(owner, found, onWait, watchMs))) {
        throw new SpoolLockedError(this.#folder, owner);
      }
      this.#remove(found.text);
    }
    throw new Error(`the lock of the spool folder ${this.#folder} changes hands all the time`);
  }

  async #isAlive(
    owner: LockOwner,
    found: FoundLock,
    onWait: (reason: string) => void,
    watchMs: number,
  ): Promise<boolean> {
    const state = stateOf(owner, this.#self);
    if (state !== "unknown" || isSilent(found, this.#self)) return state === "running";
    onWait(`process ${owner.pid} on ${owner.host} had the spool folder: looking whether it still lives`);
    return !(await staysSilent(this.#path, found, watchMs));
  }

  /** False: there is a lock already. A link either appears whole or not at all, and never replaces one that is there. */
  #place(): boolean {
    // Of its own name, since in another container there may be a process with the same id.
    const mine = `${this.#path}.${randomUUID()}`;
    try {
      fs.writeFileSync(mine, this.#text);
      fs.linkSync(mine, this.#path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return false;
    } finally {
      fs.rmSync(mine, { force: true });
    }
  }

  /**
   * Removes a lock of this content. Whoever moves it away removes it; if it has changed hands meanwhile it is put back.
   */
  #remove(text: string): void {
    const moved = `${this.#path}.${randomUUID()}.stale`;
    try {
      fs.renameSync(this.#path, moved);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    if (fs.readFileSync(moved, "utf8") !== text) {
      try {
        fs.linkSync(moved, this.#path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
    fs.rmSync(moved, { force: true });
  }

  /** The beat that tells others that we live. */
  #touch(): void {
    try {
      if (fs.readFileSync(this.#path, "utf8") !== this.#text) return;
      const now = new Date();
      fs.utimesSync(this.#path, now, now);
    } catch {
      // A folder that cannot be touched takes no other owner's lock; `renew` tells when it is gone.
    }
  }

  /**
   * Puts the lock back if somebody has removed it: a folder that was emptied behind our back is still ours. Throws
   * SpoolLockedError when it has become another's, else the system's error.
   */
  renew(): void {
    const found = findLock(this.#path);
    if (found?.text === this.#text) return;
    if (found?.owner !== undefined && stateOf(found.owner, this.#self) !== "gone") {
      throw new SpoolLockedError(this.#folder, found.owner);
    }
    if (found !== undefined) this.#remove(found.text);
    fs.mkdirSync(this.#folder, { recursive: true });
    this.#place();
  }

  release(): void {
    clearInterval(this.#beat);
    if (findLock(this.#path)?.text === this.#text) fs.rmSync(this.#path, { force: true });
  }
}
