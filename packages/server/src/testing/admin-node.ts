/** An admin port over queues in memory, and a client for it. */
import { request } from "node:http";
import { AdminServer } from "../admin/admin-server.ts";
import { NodeDisk } from "../disk.ts";
import { Turn } from "../journal/turn.ts";
import type { UserSettings } from "../locks/lock-settings.ts";
import { Locks } from "../locks/locks.ts";
import { Timings } from "../metrics/timings.ts";
import { QueueCollection } from "../queue/queue-collection.ts";
import type { ServerControls } from "../session/controls.ts";
import { EmbeddedQueues } from "../session/embedded-queues.ts";
import { GatheredMemory } from "../session/gathered-memory.ts";
import { LentReads } from "../session/lent-reads.ts";
import type { SessionHost } from "../session/session.ts";
import { QueueRules, type QueueRulesOptions } from "../settings/queue-rules.ts";
import { Counters } from "../stats/counters.ts";
import { CollectedLog } from "./collected-log.ts";
import { FakeClock } from "./fake-clock.ts";

export interface Got {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const asJson = { "content-type": "application/json" };

export class AdminNode implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly log: CollectedLog;
  readonly host: SessionHost;
  readonly clients: EmbeddedQueues;
  readonly controls: FakeControls;
  readonly admin: AdminServer;

  private constructor(
    parts: Omit<AdminNode, keyof AsyncDisposable | "get" | "post" | "ask" | "json" | "stop">,
  ) {
    this.clock = parts.clock;
    this.log = parts.log;
    this.host = parts.host;
    this.clients = parts.clients;
    this.controls = parts.controls;
    this.admin = parts.admin;
  }

  static async start(
    rulesOptions: QueueRulesOptions = {},
    metricsQueuesMax = 1000,
    users: readonly UserSettings[] = [],
  ): Promise<AdminNode> {
    const rules = new QueueRules(rulesOptions);
    const clock = new FakeClock();
    const log = new CollectedLog();
    const turn = new Turn();
    const queues = await QueueCollection.start({
      spoolPath: null,
      disk: new NodeDisk(),
      clock,
      turn,
      logger: log,
      rules,
    });
    const controls = new FakeControls();
    const host: SessionHost = {
      queues,
      turn,
      clock,
      controls,
      counters: new Counters(clock.now()),
      timings: new Timings(),
      lentReads: new LentReads(clock),
      gatheredMemory: new GatheredMemory(),
      locks: new Locks({ users, rules, clock, logger: log }),
      maxOpenTransactions: 100,
    };
    const options = { host: "127.0.0.1", port: 0, name: "test:22133", metricsQueuesMax };
    const admin = await AdminServer.start(options, host, log);
    return new AdminNode({ clock, log, host, controls, admin, clients: new EmbeddedQueues(host) });
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Got> {
    return this.ask(path, { headers });
  }

  post(path: string, body: unknown = undefined): Promise<Got> {
    return this.ask(path, {
      method: "POST",
      headers: asJson,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** The JSON of an answer that is to be there. */
  async json<T>(path: string): Promise<T> {
    const { status, text } = await this.get(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  ask(path: string, { method = "GET", headers = {}, body = "" }: Asked): Promise<Got> {
    const { port } = this.admin.address;
    return new Promise((resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode!, headers: response.headers, text });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  async stop(): Promise<void> {
    await this.admin.stop();
    await this.host.queues.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Does what it is told and remembers it. */
class FakeControls implements ServerControls {
  status = "UP";
  takesWrites = true;
  takesReads = true;
  readonly asked: string[] = [];
  reloadError: Error | null = null;

  setStatus(status: string): void {
    this.asked.push(`status ${status}`);
    this.status = status;
  }

  async reload(): Promise<void> {
    this.asked.push("reload");
    if (this.reloadError !== null) throw this.reloadError;
  }

  shutdown(): void {
    this.asked.push("shutdown");
  }

  describeQueues(): [] {
    return [];
  }
}
