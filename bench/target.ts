/** The servers that are measured: all of them are reached over TCP and speak memcache ASCII. */

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuSecondsOf, endProcess, firstLine, serverCore, spawnPinned } from "./pinned-process.ts";
import { queueName } from "./workload.ts";

export interface Target {
  name: string;
  host: string;
  port: number;
  /** The figures of the others are compared with this one's. */
  isBare: boolean;
  /** Items have to be put before they can be got. */
  isFilled: boolean;
  /** CPU time taken so far in seconds; null when it can't be known. */
  cpuSeconds(): number | null;
  /** Drops what the queue holds. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

const host = "127.0.0.1";

export async function startResponder(itemBytes: number): Promise<Target> {
  const program = fileURLToPath(new URL("responder.js", import.meta.url));
  const child = spawnPinned(serverCore, [program, String(itemBytes)], "pipe");
  const { port } = JSON.parse(await firstLine(child)) as { port: number };
  return {
    name: "bare responder",
    host,
    port,
    isBare: true,
    isFilled: false,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    empty: async () => {},
    stop: () => endProcess(child),
  };
}

/** A node with its default settings: journal on, every answer after its record has reached the system. */
export async function startKestrel(): Promise<Target> {
  const spool = await mkdtemp(join(tmpdir(), "kestrel-bench-"));
  const program = fileURLToPath(
    new URL("bin/kestrel.js", import.meta.resolve("@kestrel-mq/server/package.json")),
  );
  const off = ["text", "thrift", "admin"].flatMap((name) => [`--${name}-port`, "off"]);
  const flags = [
    "--listen",
    host,
    "--memcache-port",
    "0",
    ...off,
    "--queue-path",
    spool,
    "--log-level",
    "warn",
  ];
  const child = spawnPinned(serverCore, [program, ...flags], "pipe");
  const ready = JSON.parse(await firstLine(child)) as { listeners: { memcache: { port: number } } };
  const { port } = ready.listeners.memcache;
  return {
    name: "kestrel",
    host,
    port,
    isBare: false,
    isFilled: true,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    empty: () => flush(host, port),
    stop: async () => {
      await endProcess(child);
      await rm(spool, { recursive: true, force: true });
    },
  };
}

/** A server that runs already, given as `host:port`. It is neither started nor stopped nor pinned. */
export function runningTarget(address: string): Target {
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port)) throw new Error(`--target wants host:port, not "${address}"`);
  const targetHost = address.slice(0, colon);
  return {
    name: address,
    host: targetHost,
    port,
    isBare: false,
    isFilled: true,
    cpuSeconds: () => null,
    empty: () => flush(targetHost, port),
    stop: async () => {},
  };
}

/** `flush` is Kestrel's; memcached doesn't know it, answers with an error, and has nothing to be flushed. */
async function flush(host: string, port: number): Promise<void> {
  const socket = connect(port, host);
  socket.write(`flush ${queueName}\r\n`);
  await once(socket, "data");
  socket.destroy();
}
