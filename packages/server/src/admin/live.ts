/**
 * What the page shows, as it changes: a stream of server-sent events, one a second. The first one has everything,
 * the others only what is different. It is made once for all who watch, and not at all while nobody does. A client
 * that doesn't keep up is left out until it has caught up, and then gets everything again.
 */
import type { ServerResponse } from "node:http";
import type { Timer } from "../clock.ts";
import type { Identity } from "../locks/identity.ts";
import type { Queue } from "../queue/queue.ts";
import { version } from "../version.ts";
import type { AdminHost } from "./admin-host.ts";
import { HttpError, text } from "./answer.ts";
import { reportQueue } from "./queue-report.ts";
import type { Route } from "./route.ts";

const periodMs = 1000;
const clientsMax = 32;
/** A client that has taken nothing for so long is gone. */
const patienceMs = 30_000;
/** Queues looked at before others get their turn. */
const sliceLength = 250;

/** One queue: name, then numbers in the order of `columns`. */
type Row = readonly [name: string, ...numbers: number[]];

/** What a row's numbers are. `oldestAtMs` is 0 when there is no item, or its time is not known. */
const columns = [
  "items",
  "bytes",
  "putRate",
  "getRate",
  "oldestAtMs",
  "openReads",
  "waiters",
  "memoryBytes",
  "journalBytes",
] as const;

interface Client {
  readonly response: ServerResponse;
  identity: Identity;
  hasAll: boolean;
  /** Since when it has not taken what was sent; 0: it has. */
  behindSinceMs: number;
}

export function liveRoute(live: Live): Route {
  return {
    path: "/live",
    GET({ identity, message, response }) {
      if (message.method === "HEAD") return text("", "text/event-stream");
      live.join(response, identity);
      return null;
    },
  };
}

export class Live {
  readonly #host: AdminHost;
  readonly #clients: Set<Client> = new Set();
  readonly #rows: Map<Queue, Row> = new Map();
  #timer: Timer | null = null;
  #isLooking = false;
  #isStopped = false;

  constructor(host: AdminHost) {
    this.#host = host;
  }

  /** Takes the response over for as long as the client stays. Throws HttpError 503 when there are too many. */
  join(response: ServerResponse, identity: Identity): void {
    if (this.#clients.size >= clientsMax || this.#isStopped) {
      throw new HttpError(503, `${clientsMax} pages are open already`, { "retry-after": "10" });
    }
    const client: Client = { response, identity, hasAll: false, behindSinceMs: 0 };
    this.#clients.add(client);
    response.on("close", () => this.#leave(client));
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    response.flushHeaders();
    if (this.#timer === null && !this.#isLooking) this.#look();
    else if (!this.#isLooking) this.#sendAll();
  }

  #leave(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#rows.clear();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const { response } of this.#clients) response.end();
  }

  #look(): void {
    this.#timer = null;
    this.#sendAway();
    this.#isLooking = true;
    this.#collect().then(
      ([changed, gone]) => {
        this.#isLooking = false;
        if (this.#clients.size === 0 || this.#isStopped) return;
        this.#sendChanges(changed, gone);
        this.#sendAll();
        this.#timer = this.#host.clock.after(periodMs, () => this.#look());
      },
      (error: unknown) => {
        this.#isLooking = false;
        this.#host.logger.error({ err: error }, "the admin page's stream has failed");
        for (const { response } of this.#clients) response.destroy();
      },
    );
  }

  /** Those who were let in, and would not be now. */
  #sendAway(): void {
    for (const client of this.#clients) {
      if (client.identity.isStale) client.identity = this.#host.locks.renew(client.identity);
      if (client.identity.isBarred) client.response.end();
    }
  }

  /** The rows that differ from those sent last, and the names of queues that are gone. */
  async #collect(): Promise<[changed: Row[], gone: string[]]> {
    const { queues, metrics } = this.#host;
    const changed: Row[] = [];
    let length = 0;
    for (const name of queues.names()) {
      const queue = queues.find(name);
      if (queue === undefined) continue;
      if (++length % sliceLength === 0) await new Promise((resolve) => setImmediate(resolve));
      const report = reportQueue(queue, metrics.find(queue));
      const row: Row = [name, ...columns.map((column) => Math.round((report[column] ?? 0) * 10) / 10)];
      const before = this.#rows.get(queue);
      if (before?.every((value, index) => value === row[index])) continue;
      this.#rows.set(queue, row);
      changed.push(row);
    }
    return [changed, this.#forgetDeleted()];
  }

  #forgetDeleted(): string[] {
    const { queues } = this.#host;
    const gone: string[] = [];
    for (const queue of this.#rows.keys()) {
      const current = queues.find(queue.name);
      if (current === queue) continue;
      this.#rows.delete(queue);
      if (current === undefined) gone.push(queue.name);
    }
    return gone;
  }

  #sendChanges(rows: readonly Row[], gone: readonly string[]): void {
    const clients = [...this.#clients].filter((client) => client.hasAll);
    if (clients.length === 0) return;
    const event = this.#render("change", { rows, gone });
    for (const client of clients) this.#send(client, event);
  }

  /** To those who are new, or have missed something. */
  #sendAll(): void {
    const clients = [...this.#clients].filter((client) => !client.hasAll);
    if (clients.length === 0) return;
    const event = this.#render("all", { columns, rows: [...this.#rows.values()] });
    for (const client of clients) {
      client.hasAll = true;
      this.#send(client, event);
    }
  }

  #send(client: Client, event: string): void {
    const { response } = client;
    const now = this.#host.clock.now();
    if (!response.writableNeedDrain) {
      client.behindSinceMs = 0;
      response.write(event);
      return;
    }
    client.hasAll = false;
    if (client.behindSinceMs === 0) client.behindSinceMs = now;
    else if (now - client.behindSinceMs > patienceMs) response.destroy();
  }

  #render(name: string, content: object): string {
    return `event: ${name}\ndata: ${JSON.stringify({ ...this.#describeServer(), ...content })}\n\n`;
  }

  #describeServer(): object {
    const { queues, counters, controls, clock, metrics, name } = this.#host;
    const atMs = clock.now();
    return {
      atMs,
      server: {
        name,
        version,
        status: controls.status,
        uptimeMs: atMs - counters.startedAt,
        connections: counters.currConnections,
        queues: queues.names().length,
        items: queues.items,
        bytes: queues.bytes,
        putRate: metrics.server.putRate.perSecond,
        getRate: metrics.server.getRate.perSecond,
        memoryBytes: process.memoryUsage.rss(),
        journalMemoryRatio: queues.memoryRatio,
      },
    };
  }
}
