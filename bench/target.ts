/** A server that is measured, and those of ours: the bare responder, a node, and any that runs already. */

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuSecondsOf, endProcess, firstLine, serverCore, spawnPinned } from "./pinned-process.ts";
import { emptyRequestOf } from "./wire.ts";
import { type Dialect, queueName } from "./workload.ts";

export interface Target {
  name: string;
  host: string;
  port: number;
  /** Where a node of ours speaks thrift. */
  thriftPort?: number;
  dialect: Dialect;
  /** What has to be put before anything can be got: as many items as are got, one that is got again and again, none. */
  stock: "all" | "one" | "none";
  /** Of the process; null when it isn't ours. */
  pid: number | null;
  stop(): Promise<void>;
}

export const host = "127.0.0.1";
export const bareName = "bare responder";
export const kestrelName = "kestrel";

const kestrelProgram: string = fileURLToPath(
  new URL("bin/kestrel.js", import.meta.resolve("@kestrel-mq/server/package.json")),
);

/** Answers like a node with items of that size in the queue `queueName`, and stores nothing. */
export async function startResponder(itemBytes: number): Promise<Target> {
  const program = fileURLToPath(new URL("responder.js", import.meta.url));
  const child = spawnPinned(serverCore, [program, String(itemBytes)], "pipe");
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return {
    name: bareName,
    host,
    port,
    dialect: "memcache",
    stock: "none",
    pid: child.pid!,
    stop: () => endProcess(child),
  };
}

/** A node; without settings, journal on, every answer after its record has reached the system. */
export async function startKestrel(
  settings: object = {},
  name: string = kestrelName,
  program: string = kestrelProgram,
  core: number = serverCore,
): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), "kestrel-bench-"));
  const config = join(folder, "kestrel.json");
  await writeFile(config, JSON.stringify(settings));
  const off = ["text", "admin"].flatMap((other) => [`--${other}-port`, "off"]);
  const ports = ["--memcache-port", "0", "--thrift-port", "0", ...off];
  const where = ["--listen", host, ...ports, "--queue-path", join(folder, "spool")];
  const args = [program, "--config", config, ...where, "--log-level", "warn"];
  const child = spawnPinned(core, args, "pipe");
  const ready = JSON.parse(await firstLine(child)) as {
    listeners: Record<"memcache" | "thrift", { port: number }>;
  };
  return {
    name,
    host,
    port: ready.listeners.memcache.port,
    thriftPort: ready.listeners.thrift.port,
    dialect: "memcache",
    stock: "all",
    pid: child.pid!,
    stop: async () => {
      await endProcess(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The node of another checkout, which has been built there: to see what a change costs or gains. */
export function startCheckout(folder: string): Promise<Target> {
  return startKestrel({}, checkoutName(folder), resolve(folder, "packages/server/bin/kestrel.js"));
}

export function checkoutName(folder: string): string {
  return `kestrel of ${basename(resolve(folder))}`;
}

/** A server that runs already, given as `host:port`. It is neither started nor stopped nor pinned. */
export function runningTarget(address: string): Target {
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) throw new Error(`--target wants host:port, not "${address}"`);
  return {
    name: address,
    host: address.slice(0, colon),
    port,
    dialect: "memcache",
    stock: "all",
    pid: null,
    stop: async () => {},
  };
}

/** CPU time that its process has taken so far in seconds; null when it can't be known. */
export function cpuSeconds(target: Target): number | null {
  return target.pid === null ? null : cpuSecondsOf(target.pid);
}

/** Drops what the queues hold; false when this server can't do that at a word. */
export async function empty(target: Target, queues: readonly string[] = [queueName]): Promise<boolean> {
  if (target.stock !== "all") return true;
  const requests = queues.map((queue) => emptyRequestOf(target.dialect, queue));
  if (requests.includes(null)) return false;
  await ask(target, requests as Buffer[]);
  return true;
}

/** Sends all the requests at once and waits for as many lines in answer; gives them. */
export function ask(target: Target, requests: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((settle, reject) => {
    const socket = connect(target.port, target.host);
    const parts: string[] = [];
    let missing = requests.length;
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      parts.push(part);
      missing -= part.split("\n").length - 1;
      if (missing > 0) return;
      settle(parts.join(""));
      socket.destroy();
    });
    socket.on("error", reject);
    once(socket, "close").then(() => reject(new Error(`${target.name} closed the connection`)), reject);
    for (const request of requests) socket.write(request);
  });
}
