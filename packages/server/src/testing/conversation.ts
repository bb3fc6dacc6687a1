/**
 * Conversations with a server in this process, over real sockets, on a clock and a disk of the test's own:
 *
 *     > set q 0 0 1          sends this line
 *     < STORED               the next line that comes back; `...` at its end stands for anything
 *     b> get q/t=1000        the same on a second connection, named b
 *     closed, b closed       the server ends the connection, and says nothing before
 *     hang up, b hang up     the client ends it
 *     wait 1000              so many ms go by, after the server has read all that was sent
 *     restart, kill          the server stops cleanly, or is killed, and starts again on what its disk holds
 *     power loss             it starts again on what was forced onto the disk
 *     stat q items 2         a statistic of a queue; `none` when there is no such queue
 *     stat q items above 2   or below
 *     stats cmd_get 2        a statistic of the server
 *     log reloaded...        the server's log has such a line
 *
 * Empty lines and those that begin with `#` mean nothing.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { KestrelServer, type KestrelServerOptions } from "../server.ts";
import type { KestrelConfig } from "../settings/config-file.ts";
import { readSettings } from "../settings/schema.ts";
import { CollectedLog } from "./collected-log.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeDisk } from "./fake-disk.ts";

/** The server did not do what the script says. */
export class Mismatch extends Error {}

export class Conversation implements AsyncDisposable {
  readonly clock: FakeClock = new FakeClock();
  readonly log: CollectedLog = new CollectedLog();
  disk: FakeDisk = new FakeDisk();
  server!: KestrelServer;
  readonly #options: KestrelServerOptions;
  readonly #hangMs: number;
  readonly #lines: Map<string, LineSocket> = new Map();
  /** By all connections to the server that runs now. */
  #sentBytes = 0;

  private constructor(options: KestrelServerOptions, hangMs: number) {
    this.#options = options;
    this.#hangMs = hangMs;
  }

  /** `hangMs` is how long to wait for something that may never come. */
  static async start(
    config: KestrelConfig,
    options: KestrelServerOptions = {},
    hangMs = 20_000,
  ): Promise<Conversation> {
    const { server, queues } = readSettings(config);
    const conversation = new Conversation({ ...server, rules: queues, ...options }, hangMs);
    await conversation.#start();
    return conversation;
  }

  async #start(): Promise<void> {
    const { clock, log: logger, disk } = this;
    const ports = { memcachePort: 0, textPort: null, thriftPort: null, adminPort: null };
    this.server = await KestrelServer.start({ ...this.#options, ...ports, clock, disk, logger });
    this.#sentBytes = 0;
  }

  /** Throws Mismatch, with the line that did not hold. */
  async hold(script: string): Promise<void> {
    for (const raw of script.split("\n")) {
      const line = raw.trim();
      if (line === "" || line.startsWith("#")) continue;
      try {
        await this.#step(line);
      } catch (error) {
        throw new Mismatch(`at "${line}": ${(error as Error).message}`, { cause: error });
      }
    }
  }

  async #step(line: string): Promise<void> {
    const said = /^(\w*)([<>])(?: (.*))?$/.exec(line);
    const [word = "", ...rest] = line.split(" ");
    if (said !== null) {
      const [, name = "", sign, text = ""] = said;
      const lines = await this.#connection(name);
      if (sign === ">") this.#send(lines, text);
      else expectLike(text, await lines.read(this.#hangMs));
    } else if (line.endsWith("closed")) {
      await (await this.#connection(line.slice(0, -6).trim())).readEnd(this.#hangMs);
    } else if (line.endsWith("hang up")) {
      await this.#hangUp(line.slice(0, -7).trim());
    } else if (word === "wait") {
      await this.#watchStat("bytes_read", () => this.#sentBytes);
      this.clock.advance(Number(rest[0]));
    } else if (line === "restart") {
      await this.server.stop();
      await this.#restart(this.disk);
    } else if (line === "kill") {
      const disk = this.disk.afterKill();
      await this.server.stop();
      await this.#restart(disk);
    } else if (line === "power loss") {
      const disk = this.disk.afterPowerLoss();
      await this.server.stop();
      await this.#restart(disk);
    } else if (word === "stat") {
      const [queue, name, ...value] = rest;
      const statistics = await this.#ask(`dump_stats ${queue}`);
      const found = statistics.find((statistic) => statistic.startsWith(`  ${name}=`));
      expectFigure(value.join(" "), found?.slice(`  ${name}=`.length) ?? "none");
    } else if (word === "stats") {
      const found = (await this.#ask("stats")).find((stat) => stat.startsWith(`STAT ${rest[0]} `));
      expectLike(`STAT ${rest.join(" ")}`, found ?? "none");
    } else if (word === "log") {
      const message = rest.join(" ");
      if (!this.log.lines.some((logged) => isLike(message, logged.message))) {
        throw new Mismatch(`the log has ${this.log.lines.map((logged) => logged.message).join("; ")}`);
      }
    } else {
      throw new Error("not understood");
    }
  }

  /** Until the server has noticed. */
  async #hangUp(name: string): Promise<void> {
    (await this.#connection(name)).socket.destroy();
    this.#lines.delete(name);
    const living = [...this.#lines.values()].filter((lines) => !lines.isEnded);
    await this.#watchStat("curr_connections", () => living.length + 1);
  }

  /** Until a statistic is as it has to be, as seen by a connection that is only there for that. */
  async #watchStat(name: string, expected: () => number): Promise<void> {
    const lines = await this.#connect();
    try {
      for (let value = Number.NaN; value !== expected(); ) {
        const stats = await this.#askOn(lines, "stats");
        value = Number(stats.find((line) => line.startsWith(`STAT ${name} `))?.split(" ")[2]);
      }
    } finally {
      lines.socket.destroy();
    }
  }

  async #connection(name: string): Promise<LineSocket> {
    let lines = this.#lines.get(name);
    if (lines === undefined) this.#lines.set(name, (lines = await this.#connect()));
    return lines;
  }

  async #connect(): Promise<LineSocket> {
    const socket = connect(this.server.listeners.memcache!.port, "127.0.0.1");
    await once(socket, "connect");
    return new LineSocket(socket);
  }

  #send(lines: LineSocket, text: string): void {
    const bytes = Buffer.from(`${text}\r\n`);
    this.#sentBytes += bytes.length;
    lines.socket.write(bytes);
  }

  /** Asks on a connection of its own; gives the lines before END. */
  async #ask(request: string): Promise<string[]> {
    const lines = await this.#connect();
    try {
      return await this.#askOn(lines, request);
    } finally {
      lines.socket.destroy();
    }
  }

  async #askOn(lines: LineSocket, request: string): Promise<string[]> {
    this.#send(lines, request);
    const answer: string[] = [];
    for (;;) {
      const line = await lines.read(this.#hangMs);
      if (line === "END") return answer;
      answer.push(line);
    }
  }

  async #restart(disk: FakeDisk): Promise<void> {
    for (const { socket } of this.#lines.values()) socket.destroy();
    this.#lines.clear();
    this.disk = disk;
    await this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { socket } of this.#lines.values()) socket.destroy();
    await this.server.stop();
  }
}

function expectLike(expected: string, received: string): void {
  if (!isLike(expected, received)) throw new Mismatch(`received "${received}"`);
}

function expectFigure(expected: string, received: string): void {
  const [, side, bound] = /^(above|below) (\d+)$/.exec(expected) ?? [];
  const isThere = side === "above" ? Number(received) > Number(bound) : Number(received) < Number(bound);
  if (side === undefined) expectLike(expected, received);
  else if (!isThere) throw new Mismatch(`received ${received}`);
}

function isLike(expected: string, received: string): boolean {
  return expected.endsWith("...") ? received.startsWith(expected.slice(0, -3)) : received === expected;
}

/** What comes back, line by line. */
class LineSocket {
  readonly socket: Socket;
  #received = "";
  isEnded = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    const end = (): void => {
      this.isEnded = true;
      this.#wake();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", () => {});
  }

  async read(hangMs: number): Promise<string> {
    await this.#until(() => this.#received.includes("\r\n") || this.isEnded, hangMs);
    const at = this.#received.indexOf("\r\n");
    if (at < 0) throw new Mismatch("the connection was ended");
    const line = this.#received.slice(0, at);
    this.#received = this.#received.slice(at + 2);
    return line;
  }

  async readEnd(hangMs: number): Promise<void> {
    await this.#until(() => this.isEnded || this.#received !== "", hangMs);
    if (this.#received !== "") throw new Mismatch(`received "${this.#received.trimEnd()}"`);
  }

  async #until(isThere: () => boolean, hangMs: number): Promise<void> {
    const deadline = Date.now() + hangMs;
    while (!isThere()) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Mismatch("nothing came");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
