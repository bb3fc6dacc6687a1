/** A node with its own spool and settings that can be watched and started again. */

import type { ChildProcess } from "node:child_process";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { endProcess, firstLine, residentBytesOf, serverCore, spawnPinned } from "./pinned-process.ts";

const program: string = fileURLToPath(
  new URL("bin/kestrel.js", import.meta.resolve("@kestrel-mq/server/package.json")),
);
const watchPeriodMs = 50;

export class BenchNode {
  readonly host = "127.0.0.1";
  port = 0;
  readonly spool: string;
  readonly #config: string;
  #child: ChildProcess | null = null;

  private constructor(spool: string, config: string) {
    this.spool = spool;
    this.#config = config;
  }

  static async start(spool: string, config: string): Promise<BenchNode> {
    const node = new BenchNode(spool, config);
    await node.#start();
    return node;
  }

  /** Gives the milliseconds until the ready line. */
  async #start(): Promise<number> {
    const off = ["text", "thrift", "admin"].flatMap((name) => [`--${name}-port`, "off"]);
    const flags = ["--listen", this.host, "--memcache-port", "0", ...off, "--queue-path", this.spool];
    const startedAt = performance.now();
    this.#child = spawnPinned(
      serverCore,
      [program, "--config", this.#config, ...flags, "--log-level", "warn"],
      "pipe",
    );
    const ready = JSON.parse(await firstLine(this.#child)) as { listeners: { memcache: { port: number } } };
    this.port = ready.listeners.memcache.port;
    return performance.now() - startedAt;
  }

  /** Stops it cleanly and starts it again; gives the milliseconds until the ready line. */
  async restart(): Promise<number> {
    await this.stop();
    return await this.#start();
  }

  async stop(): Promise<void> {
    if (this.#child !== null) await endProcess(this.#child);
  }

  /** Resident bytes now. */
  memory(): number {
    return residentBytesOf(this.#child!.pid!) ?? 0;
  }

  /** Follows the resident memory; `stop` gives its peak in bytes. */
  watchMemory(): { stop(): number } {
    let peak = this.memory();
    const timer = setInterval(() => (peak = Math.max(peak, this.memory())), watchPeriodMs);
    return {
      stop: () => {
        clearInterval(timer);
        return Math.max(peak, this.memory());
      },
    };
  }

  /** Sends all requests at once and gives all that comes back, until `last` has come as often as there are requests. */
  ask(requests: readonly string[], last: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, this.host);
      const parts: string[] = [];
      let missing = requests.length;
      socket.setEncoding("latin1");
      socket.on("data", (part: string) => {
        parts.push(part);
        missing -= part.split(last).length - 1;
        // An answer may be cut in two: then it is counted in the end.
        if (missing > 10) return;
        const all = parts.join("");
        if (all.split(last).length - 1 < requests.length) return;
        socket.destroy();
        resolve(all);
      });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the node closed the connection")));
      socket.write(requests.join(""));
    });
  }

  /** Bytes of a queue's journal. */
  async journalBytes(queue: string): Promise<number> {
    const answer = await this.ask(["stats\r\n"], "END\r\n");
    return Number(new RegExp(`queue_${queue}_logsize (\\d+)`).exec(answer)![1]);
  }
}
