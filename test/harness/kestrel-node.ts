/**
 * A node in a process of its own: the built program on a free port with a spool folder, which can be stopped,
 * killed and started again on the same spool and port. Disposing of it ends the process and removes the spool
 * if the node made it. Needs `tsc -b` to have been run.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { AsciiClient } from "./ascii-client.ts";
import { findFreePort } from "./free-port.ts";
import { kestrelProgram } from "./kestrel-program.ts";
import { TempFolder } from "./temp-folder.ts";
import { WireSession } from "./wire-session.ts";

const startMsMax = 30_000;
const logLengthMax = 10_000;
const loopback = "127.0.0.1";

export interface KestrelNodeOptions {
  /** Folder of the journals. Without it: a temporary one, removed in the end. */
  spool?: string;
  /** Without it the first start takes port 0, or a port that can be had again after a kill if `isRestarted`. */
  port?: number;
  /** The node will be started again on the same port while clients try to reach it. */
  isRestarted?: boolean;
  /** Where it listens, and is reached; the loopback address unless it is given. */
  host?: string;
  /** Words before the program and its flags, to run it somewhere else: they must end in becoming that program. */
  command?: readonly string[];
  /** It speaks thrift as well, after a restart on the same port as before. */
  speaksThrift?: boolean;
  /** Further flags of the program. */
  flags?: string[];
  /** What it finds in its environment besides our own. */
  env?: Record<string, string>;
}

/** One line of a node's log: pino's JSON, or the bare text where it is none. */
export interface LogLine {
  level?: number;
  msg?: string;
  [field: string]: unknown;
}

/** What the ready line says of where the node listens. */
interface Listeners {
  memcache: { port: number };
  thrift?: { port: number };
  admin?: { port: number };
  text?: { port: number };
}

/** How a process ended. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

export class KestrelNode implements AsyncDisposable {
  readonly host: string;
  readonly spool: string;
  /** The node's log since the first start, oldest line first; bounded. */
  readonly log: LogLine[] = [];
  #folder: TempFolder | null;
  #flags: string[];
  #command: readonly string[];
  #env: Record<string, string>;
  #port: number;
  #listeners: Listeners | null = null;
  #thriftPort: number | null;
  #child: ChildProcess | null = null;
  #end: Promise<ProcessEnd> = Promise.resolve({ code: null, signal: null });

  private constructor(
    folder: TempFolder | null,
    port: number,
    thriftPort: number | null,
    options: KestrelNodeOptions,
  ) {
    this.host = options.host ?? loopback;
    this.#command = options.command ?? [];
    this.spool = options.spool ?? folder!.path;
    this.#folder = folder;
    this.#port = port;
    this.#thriftPort = thriftPort;
    this.#flags = options.flags ?? [];
    this.#env = options.env ?? {};
  }

  /** Starts a node and waits for its ready line. Throws with the node's log if it ends before. */
  static async start(options: KestrelNodeOptions = {}): Promise<KestrelNode> {
    const node = await KestrelNode.prepare(options);
    try {
      await node.start();
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  /** A node that has not been started yet. */
  static async prepare(options: KestrelNodeOptions = {}): Promise<KestrelNode> {
    const folder = options.spool === undefined ? await TempFolder.create() : null;
    const newPort = async (): Promise<number> => (options.isRestarted ? await findFreePort() : 0);
    const port = options.port ?? (await newPort());
    const thriftPort = options.speaksThrift ? await newPort() : null;
    return new KestrelNode(folder, port, thriftPort, options);
  }

  get port(): number {
    return this.#port;
  }

  /** Port of the admin HTTP, which is off unless the flags say otherwise. */
  get adminPort(): number {
    return this.portOf("admin");
  }

  /** Port of a protocol that the flags have turned on. */
  portOf(listener: keyof Listeners): number {
    const at = this.#listeners?.[listener];
    if (at === undefined) throw new Error(`this node has no ${listener} port`);
    return at.port;
  }

  /** Where it speaks thrift. */
  get thriftAddress(): string {
    if (this.#thriftPort === null) throw new Error("this node speaks no thrift");
    return `${this.host}:${this.#thriftPort}`;
  }

  get address(): string {
    return `${this.host}:${this.#port}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("this node is not running");
    return pid;
  }

  /** Starts the program again, on the port it had before, and waits until it is ready. */
  async start(): Promise<void> {
    if (this.#child !== null) throw new Error("this node is running already");
    const child = this.#spawn();
    this.#listeners = await this.#readListeners(child);
    this.#port = this.#listeners.memcache.port;
    this.#thriftPort = this.#listeners.thrift?.port ?? null;
  }

  /** Starts the program and waits for its end: for starts that must fail. */
  async runToEnd(): Promise<ProcessEnd> {
    this.#spawn();
    const timer = setTimeout(() => this.#child?.kill("SIGKILL"), startMsMax);
    try {
      return await this.#end;
    } finally {
      clearTimeout(timer);
    }
  }

  /** SIGKILL, as a crash: the process gets no chance to finish anything. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#end;
  }

  /** SIGTERM, then waits for the end. */
  async stop(): Promise<ProcessEnd> {
    this.#child?.kill("SIGTERM");
    return await this.#end;
  }

  /** Resolves when the process has ended by itself. */
  async ended(): Promise<ProcessEnd> {
    return await this.#end;
  }

  /** A raw connection to the node. */
  async connect(): Promise<WireSession> {
    return await WireSession.connect(this.#port, this.host);
  }

  /** A connection that speaks memcache ASCII. */
  async client(): Promise<AsciiClient> {
    return await AsciiClient.connect(this.#port, this.host);
  }

  /** Memory in bytes that the process holds now (Linux). */
  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
  }

  /** The whole log as text, for error messages. */
  logText(): string {
    return this.log.map((line) => JSON.stringify(line)).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#folder?.[Symbol.asyncDispose]();
  }

  #spawn(): ChildProcess {
    const ports = ["--memcache-port", String(this.#port)];
    ports.push("--thrift-port", String(this.#thriftPort ?? "off"));
    for (const other of ["text", "admin"]) ports.push(`--${other}-port`, "off");
    const args = [
      "--listen",
      this.host,
      ...ports,
      "--queue-path",
      this.spool,
      "--log-level",
      "info",
      ...this.#flags,
    ];
    const [program, ...words] = [...this.#command, process.execPath, kestrelProgram, ...args] as [
      string,
      ...string[],
    ];
    const child = spawn(program, words, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.#env },
    });
    living.add(child);
    this.#child = child;
    this.#end = once(child, "close").then(([code, signal]) => {
      living.delete(child);
      if (this.#child === child) this.#child = null;
      return { code, signal };
    });
    createInterface(child.stderr!).on("line", (line) => {
      if (this.log.length < logLengthMax) this.log.push(parseLogLine(line));
    });
    return child;
  }

  async #readListeners(child: ChildProcess): Promise<Listeners> {
    const ended = this.#end.then(({ code, signal }) => {
      throw new Error(`the node ended with ${signal ?? code} before it was ready\n${this.logText()}`);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), startMsMax);
    try {
      const lines = createInterface(child.stdout!);
      const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
      const ready = JSON.parse(line) as { ready: boolean; pid: number; listeners: Listeners };
      if (ready.ready !== true || ready.pid !== child.pid) throw new Error(`not a ready line: ${line}`);
      return ready.listeners;
    } finally {
      clearTimeout(timer);
      ended.catch(() => {});
    }
  }
}

function parseLogLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
