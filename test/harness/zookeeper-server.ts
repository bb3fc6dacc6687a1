/**
 * A real ZooKeeper, as Debian has it, in a process of its own on a free port of this machine, with a data folder in the
 * system's place for temporary files. Can be paused, killed, and started again with its data or without. Disposing of
 * it ends the process.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { findFreePort } from "./free-port.ts";
import { TempFolder } from "./temp-folder.ts";

const jar = "/usr/share/java/zookeeper.jar";
const host = "127.0.0.1";
/** Short, since sessions can't be shorter than two of them. */
const tickMs = 200;
const startMsMax = 60_000;
const startAttemptsMax = 3;

const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

export class ZookeeperServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: TempFolder;
  #child: ChildProcess | null = null;

  private constructor(port: number, folder: TempFolder) {
    this.port = port;
    this.#folder = folder;
  }

  /** Whether there is one to be had here. Says so if not. */
  static isInstalled(): boolean {
    if (existsSync(jar) && spawnSync("java", ["-version"]).status === 0) return true;
    console.warn("left out: ZooKeeper is not installed (Debian: zookeeper)");
    return false;
  }

  static async start(): Promise<ZookeeperServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new ZookeeperServer(await findFreePort(), await TempFolder.create());
      try {
        await server.start();
        return server;
      } catch (error) {
        await server[Symbol.asyncDispose]();
        // Somebody else may have taken the port.
        if (attempt === startAttemptsMax) throw error;
      }
    }
  }

  get address(): string {
    return `${host}:${this.port}`;
  }

  /** Starts it, again on the same port and with the data it had, and waits until it serves. */
  async start(): Promise<void> {
    const data = join(this.#folder.path, "data");
    await mkdir(data, { recursive: true });
    const config = join(this.#folder.path, "zoo.cfg");
    const lines = [
      `dataDir=${data}`,
      `clientPort=${this.port}`,
      `clientPortAddress=${host}`,
      `tickTime=${tickMs}`,
      "maxSessionTimeout=60000",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=srvr",
    ];
    await writeFile(config, `${lines.join("\n")}\n`);
    const main = "org.apache.zookeeper.server.ZooKeeperServerMain";
    const child = spawn("java", ["-Xmx64m", "-XX:TieredStopAtLevel=1", "-cp", jar, main, config], {
      stdio: "ignore",
    });
    this.#child = child;
    living.add(child);
    child.once("exit", () => living.delete(child));
    const deadline = Date.now() + startMsMax;
    while (!(await this.#serves())) {
      if (child.exitCode !== null) throw new Error(`ZooKeeper ended with ${child.exitCode}`);
      if (Date.now() > deadline) throw new Error(`ZooKeeper does not serve within ${startMsMax} ms`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #serves(): Promise<boolean> {
    const socket = connect(this.port, host);
    let answer = "";
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("error", () => {});
    socket.setTimeout(1_000, () => socket.destroy());
    socket.end("srvr");
    await new Promise((resolve) => socket.once("close", resolve));
    return answer.includes("Mode:");
  }

  /** SIGSTOP: connections stay, and nothing is answered. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Of a server that was killed: the next start begins with nothing. */
  async forget(): Promise<void> {
    await rm(join(this.#folder.path, "data"), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#folder[Symbol.asyncDispose]();
  }
}
