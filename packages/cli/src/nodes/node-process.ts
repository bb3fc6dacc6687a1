/**
 * A Kestrel node as a child process: the program `kestrel` of the server package, started with given flags.
 * Knows its ready line; hands on its log line by line; stops it in good order.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CommandError } from "../exit-code.ts";

/** Path of the program `kestrel`. */
export function kestrelPath(): string {
  return fileURLToPath(new URL("bin/kestrel.js", import.meta.resolve("@kestrel-mq/server/package.json")));
}

/** What a node says about itself once it is ready. */
export interface ReadyLine {
  ready: true;
  pid: number;
  version: string;
  listeners: Record<string, { host: string; port: number }>;
}

/** How long a node may take to write down and close what it has before it is killed. */
const stopMs = 10_000;

export class NodeProcess {
  readonly name: string;
  /** Resolves when the process has ended, with words for how: "exit code 1", "SIGKILL". */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<ReadyLine>;

  /** `onLog` gets each line that the node writes to its log. */
  constructor(name: string, flags: readonly string[], onLog: (line: string) => void) {
    this.name = name;
    // A process group of its own, so that Ctrl-C reaches us alone and we stop the nodes in good order.
    const child = spawn(process.execPath, [kestrelPath(), ...flags], {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    this.#child = child;
    const log = createInterface({ input: child.stderr! });
    log.on("line", onLog);
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => resolve(error.message));
      child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.#ready = this.#readReadyLine();
    this.#ready.catch(() => {}); // Reported to whoever calls `ready`.
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The node's ready line. Rejects with CommandError when the node ends without one. */
  ready(): Promise<ReadyLine> {
    return this.#ready;
  }

  /** Stops the node in good order, and by force after ten seconds. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), stopMs);
    await this.ended;
    clearTimeout(timer);
  }

  async #readReadyLine(): Promise<ReadyLine> {
    const output = createInterface({ input: this.#child.stdout! });
    const line: unknown = await Promise.race([
      once(output, "line").then(([first]) => first),
      this.ended.then((how) => {
        throw new CommandError(`${this.name} did not start (${how}); its log above says why`);
      }),
    ]);
    return JSON.parse(String(line)) as ReadyLine;
  }
}
