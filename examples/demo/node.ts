/** A Kestrel node in a process of its own, which can be killed and started again on the same journal and port. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(
  new URL("bin/kestrel.js", import.meta.resolve("@kestrel-mq/server/package.json")),
);
const host = "127.0.0.1";

export class DemoNode {
  readonly address: string;
  readonly #spool: string;
  readonly #port: number;
  #child: ChildProcess | null = null;

  constructor(spool: string, port: number) {
    this.#spool = spool;
    this.#port = port;
    this.address = `${host}:${port}`;
  }

  /** Starts the process and waits for the line of JSON that says that the node is ready. */
  async start(): Promise<void> {
    const off = ["text", "thrift", "admin"].flatMap((protocol) => [`--${protocol}-port`, "off"]);
    const flags = [
      "--listen",
      host,
      "--memcache-port",
      String(this.#port),
      ...off,
      "--queue-path",
      this.#spool,
    ];
    const child = spawn(process.execPath, [program, ...flags, "--log-level", "warn"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    const ended = once(child, "exit").then(([code, signal]) => {
      throw new Error(`the node at ${this.address} ended with ${signal ?? code}`);
    });
    ended.catch(() => {});
    await Promise.race([once(createInterface(child.stdout), "line"), ended]);
  }

  /** Ends the process, with SIGKILL as if the power had failed, or with SIGTERM cleanly. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** For the last moment of our own process. */
  killNow(): void {
    this.#child?.kill("SIGKILL");
  }
}

/**
 * Free ports below the range from which outgoing connections take theirs. While a node is down, clients keep on
 * trying to reach it; from that range one could be given the node's own port and be connected to itself.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
}
