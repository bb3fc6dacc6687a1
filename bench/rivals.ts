/**
 * What Debian ships, each started on a free port with the settings of its package but for where it keeps its data,
 * what else it would write, and the size of items it takes. `apt-get install memcached redis-server beanstalkd`.
 */

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcess, serverCore, spawnPinned } from "./pinned-process.ts";
import { host, type Target } from "./target.ts";

interface Rival {
  program: string;
  /** Prints its version with this flag. */
  versionFlag: string;
  flags(port: number, folder: string): string[];
  dialect: Target["dialect"];
  stock: Target["stock"];
  /** Its promise, in the words of the table's notes. */
  promise: string;
}

const redis = (promise: string, ...flags: string[]): Rival => ({
  program: "redis-server",
  versionFlag: "--version",
  flags: (port, folder) => [
    ...["--bind", host, "--port", String(port), "--dir", folder, "--save", "", "--loglevel", "warning"],
    ...["--logfile", join(folder, "log"), ...flags],
  ],
  dialect: "resp",
  stock: "all",
  promise,
});

const beanstalkd = (promise: string, isLogged: boolean): Rival => ({
  program: "beanstalkd",
  versionFlag: "-v",
  flags: (port, folder) => [
    ...["-l", host, "-p", String(port), "-z", String(64 * 1024 * 1024)],
    ...(isLogged ? ["-b", folder, "-f0"] : []),
  ],
  dialect: "beanstalk",
  stock: "all",
  promise,
});

export type RivalName =
  | "memcached"
  | "redis"
  | "redis-aof"
  | "redis-always"
  | "beanstalkd"
  | "beanstalkd-log";

const rivals: Record<RivalName, Rival> = {
  memcached: {
    program: "memcached",
    versionFlag: "--version",
    flags: (port) => ["-l", host, "-p", String(port), "-t", "1", "-u", "nobody", "-m", "1024", "-I", "64m"],
    dialect: "memcache",
    stock: "one",
    promise: "one thread; a key is set and got, nothing is on disk, nothing is a queue",
  },
  redis: redis("a list, in memory only"),
  "redis-aof": redis("a list; file synced every second", "--appendonly", "yes", "--appendfsync", "everysec"),
  "redis-always": redis(
    "a list; file synced before the answers",
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
  ),
  beanstalkd: beanstalkd("in memory only", false),
  "beanstalkd-log": beanstalkd("log synced before the answers (-b DIR -f0)", true),
};

export const rivalNames: readonly RivalName[] = Object.keys(rivals) as RivalName[];

const startMsMax = 10_000;

export function isRivalName(name: string): name is RivalName {
  return Object.hasOwn(rivals, name);
}

/** What it says of its own version; null when it isn't installed. */
export function versionOf(name: RivalName): string | null {
  const { program, versionFlag } = rivals[name];
  const { status, stdout } = spawnSync(program, [versionFlag], { encoding: "utf8" });
  return status === 0 ? (/\d+(\.\d+)+/.exec(stdout)?.[0] ?? stdout.trim()) : null;
}

export function promiseOf(name: RivalName): string {
  return rivals[name].promise;
}

export async function startRival(name: RivalName): Promise<Target> {
  const rival = rivals[name];
  const folder = await mkdtemp(join(tmpdir(), "kestrel-bench-"));
  const port = await findFreePort();
  const child = spawnPinned(serverCore, rival.flags(port, folder), "none", rival.program);
  const stop = async (): Promise<void> => {
    await endProcess(child);
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = performance.now() + startMsMax;
  while (!(await answers(port))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`${name} did not start; is ${rival.program} installed?`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { name, host, port, dialect: rival.dialect, stock: rival.stock, pid: child.pid!, stop };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
