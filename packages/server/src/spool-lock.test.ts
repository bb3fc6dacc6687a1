/** Who owns a spool folder: with real files and processes, since the system's own rules are what it is about. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeThisProcess, type LockOwner, stateOf } from "./lock-owner.ts";
import { findSpoolOwner, SpoolLock, SpoolLockedError } from "./spool-lock.ts";

let folder: string;
let lockPath: string;
const locks: SpoolLock[] = [];
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "spool-lock-"));
  lockPath = path.join(folder, ".kestrel.lock");
});
afterEach(async () => {
  for (const lock of locks.splice(0)) lock.release();
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

async function take(waits: string[] = [], watchMs?: number): Promise<SpoolLock> {
  const lock = await SpoolLock.take(folder, (reason) => waits.push(reason), watchMs);
  locks.push(lock);
  return lock;
}

/** A lock of somebody else, touched so long ago. */
async function leave(owner: Partial<LockOwner>, ageMs = 0): Promise<LockOwner> {
  const whole = { ...describeThisProcess(), ...owner };
  await writeFile(lockPath, `${JSON.stringify(whole)}\n`);
  const touched = new Date(Date.now() - ageMs);
  await utimes(lockPath, touched, touched);
  return whole;
}

/** A process that only lives. */
async function startOther(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "process.stdout.write('up'); setInterval(() => {}, 1000)"]);
  children.push(child);
  await once(child.stdout!, "data");
  return child.pid!;
}

/** Touches the lock as a living owner that we can't see does. */
async function touchFrom(): Promise<void> {
  const script = `setInterval(() => fs.utimesSync(${JSON.stringify(lockPath)}, new Date(), new Date()), 100); process.stdout.write("up")`;
  const child = spawn(process.execPath, ["-e", script]);
  children.push(child);
  await once(child.stdout!, "data");
}

const elsewhere = { namespace: "pid:[1]", host: "another" };

test("one owner at a time; nothing is left behind", async () => {
  const first = await take();
  expect(findSpoolOwner(folder)).toBe(process.pid);
  await expect(take()).rejects.toThrow(SpoolLockedError);
  first.release();
  expect(findSpoolOwner(folder)).toBeUndefined();
  await take();
  expect(await readdir(folder)).toEqual([".kestrel.lock"]);
});

test("on a full disk, which has room for a name and not for what is in it, nothing is left behind", async () => {
  const write = vi.spyOn(fs, "writeFileSync").mockImplementation((file) => {
    fs.closeSync(fs.openSync(file as string, "w"));
    throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
  });
  await expect(take())
    .rejects.toThrow("no space left")
    .finally(() => write.mockRestore());
  expect(await readdir(folder)).toEqual([]);
});

test("an owner that is gone stops nobody: ended, or its id is another's now", async () => {
  const waits: string[] = [];
  const pid = await startOther();
  await leave({ pid, started: "1" });
  (await take(waits)).release();
  const ended = spawn(process.execPath, ["-e", ""]);
  await once(ended, "exit");
  await leave({ pid: ended.pid! });
  (await take(waits)).release();
  await leave({ started: "1" });
  await take(waits);
  expect(waits).toEqual([]);
});

test("a file that is no lock of ours stops nobody", async () => {
  await writeFile(lockPath, "12345\n");
  await take();
  expect(findSpoolOwner(folder)).toBe(process.pid);
});

test("an owner in another container that lives is found to live", async () => {
  const waits: string[] = [];
  await leave({ ...elsewhere, pid: 1 });
  await touchFrom();
  await expect(take(waits)).rejects.toThrow(/process 1 on another, .*give each node its own/);
  expect(waits).toHaveLength(1);
  expect(findSpoolOwner(folder)).toBe(1);
});

test("an owner in another container that has been silent is gone", async () => {
  const waits: string[] = [];
  await leave({ ...elsewhere, pid: 1 }, 11_000);
  expect(findSpoolOwner(folder)).toBeUndefined();
  await take(waits);
  expect(waits).toEqual([]);
  expect(await readFile(lockPath, "utf8")).toContain(`"pid":${process.pid}`);
});

test("of another run of the system the clocks tell nothing: it is watched for a while", async () => {
  const waits: string[] = [];
  await leave({ boot: "another", pid: 1 }, 60_000);
  expect(findSpoolOwner(folder)).toBe(1);
  await take(waits, 500);
  expect(waits).toHaveLength(1);
});

test("a process that runs but can't be looked at may be the owner", async () => {
  const pid = await startOther();
  const self = describeThisProcess();
  expect(stateOf({ ...self, pid, started: "" }, self)).toBe("unknown");
});

test("a lock that was removed is put back; one that is another's is not touched", async () => {
  const lock = await take();
  await rm(folder, { recursive: true });
  lock.renew();
  expect(findSpoolOwner(folder)).toBe(process.pid);
  await leave({ ...elsewhere, pid: 1 });
  expect(() => lock.renew()).toThrow(SpoolLockedError);
  lock.release();
  expect(findSpoolOwner(folder)).toBe(1);
});
