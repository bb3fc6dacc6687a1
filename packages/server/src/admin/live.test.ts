import { EventEmitter } from "node:events";
import { get, type IncomingMessage, type ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Metrics } from "../metrics/metrics.ts";
import { AdminNode } from "../testing/admin-node.ts";
import type { AdminHost } from "./admin-host.ts";
import { Live } from "./live.ts";

let node: AdminNode;
beforeEach(async () => {
  node = await AdminNode.start();
});
afterEach(() => node.stop());

interface Event {
  name: string;
  data: {
    server: Record<string, unknown>;
    columns?: string[];
    rows: (string | number)[][];
    gone?: string[];
  };
}

/** A browser's side of the stream. */
class Watcher {
  readonly #response: IncomingMessage;
  readonly #events: Event[] = [];
  #whenMore: () => void = () => {};
  isEnded = false;

  constructor(response: IncomingMessage) {
    this.#response = response;
    let received = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      received += chunk;
      for (let end = received.indexOf("\n\n"); end >= 0; end = received.indexOf("\n\n")) {
        const [name, data] = received.slice(0, end).split("\n");
        this.#events.push({ name: name!.slice(7), data: JSON.parse(data!.slice(6)) as Event["data"] });
        received = received.slice(end + 2);
        this.#whenMore();
      }
    });
    response.on("end", () => {
      this.isEnded = true;
      this.#whenMore();
    });
    response.on("error", () => {});
  }

  static join(): Promise<Watcher> {
    return new Promise((resolve, reject) => {
      const { port } = node.admin.address;
      get({ host: "127.0.0.1", port, path: "/live", agent: false }, (response) => {
        if (response.statusCode === 200) resolve(new Watcher(response));
        else reject(new Error(String(response.statusCode)));
      }).on("error", reject);
    });
  }

  async next(): Promise<Event> {
    while (this.#events.length === 0) {
      if (this.isEnded) throw new Error("the stream has ended");
      await new Promise<void>((resolve) => (this.#whenMore = resolve));
    }
    return this.#events.shift()!;
  }

  async end(): Promise<void> {
    while (!this.isEnded) await new Promise<void>((resolve) => (this.#whenMore = resolve));
  }

  leave(): void {
    this.#response.destroy();
  }
}

test("first everything, then what changes", async () => {
  await node.clients.put("jobs", "four");
  node.host.queues.obtain("idle");
  const watcher = await Watcher.join();
  const first = await watcher.next();
  expect(first.name).toBe("all");
  expect(first.data.columns!.slice(0, 2)).toEqual(["items", "bytes"]);
  expect(first.data.rows.map((row) => row.slice(0, 3))).toEqual([
    ["jobs", 1, 4],
    ["idle", 0, 0],
  ]);
  expect(first.data.server).toMatchObject({
    name: "test:22133",
    status: "UP",
    queues: 2,
    items: 1,
    connections: 0,
  });
  await node.clients.put("jobs", "x");
  await node.clients.put("new", "x");
  node.clock.advance(1000);
  const second = await watcher.next();
  expect(second.name).toBe("change");
  expect(second.data.rows.map((row) => row.slice(0, 2))).toEqual([
    ["jobs", 2],
    ["new", 1],
  ]);
  node.clients.delete("jobs");
  node.clock.advance(1000);
  expect((await watcher.next()).data.gone).toEqual(["jobs"]);
  node.clock.advance(10_000);
  for (let second = 0; second < 3; second++) {
    await watcher.next();
    node.clock.advance(1000);
  }
  expect((await watcher.next()).data.rows).toEqual([]);
  watcher.leave();
});

test("a queue deleted and made again is there", async () => {
  await node.clients.put("jobs", "a");
  const watcher = await Watcher.join();
  await watcher.next();
  node.clients.delete("jobs");
  await node.clients.put("jobs", "longer");
  node.clock.advance(1000);
  const { data } = await watcher.next();
  expect(data.gone).toEqual([]);
  expect(data.rows.map((row) => row.slice(0, 3))).toEqual([["jobs", 1, 6]]);
  watcher.leave();
});

test("whoever comes later gets everything as well", async () => {
  await node.clients.put("jobs", "x");
  const early = await Watcher.join();
  await early.next();
  const late = await Watcher.join();
  const { name, data } = await late.next();
  expect(name).toBe("all");
  expect(data.rows).toHaveLength(1);
  node.clock.advance(1000);
  expect((await early.next()).name).toBe("change");
  expect((await late.next()).name).toBe("change");
  early.leave();
  late.leave();
});

test("there is a bound on those who watch; who leaves makes room", async () => {
  const watchers = await Promise.all(Array.from({ length: 32 }, () => Watcher.join()));
  await expect(Watcher.join()).rejects.toThrow("503");
  watchers[0]!.leave();
  await expect
    .poll(() =>
      Watcher.join().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
});

test("the end of the server ends the streams", async () => {
  const watcher = await Watcher.join();
  await watcher.next();
  await node.admin.stop();
  await watcher.end();
  expect(watcher.isEnded).toBe(true);
});

/** A client whose connection takes only so much as the test lets it. */
class SlowClient extends EventEmitter {
  writableNeedDrain = false;
  isDestroyed = false;
  readonly events: string[] = [];

  writeHead(): void {}
  flushHeaders(): void {}

  write(event: string): void {
    this.events.push(event.slice(7, event.indexOf("\n")));
  }

  end(): void {}

  destroy(): void {
    this.isDestroyed = true;
    this.emit("close");
  }
}

test("a client that doesn't keep up is left out, then gets everything; one that never does is sent away", async () => {
  const metrics = Metrics.start(node.host);
  const parts = { metrics, logger: node.log, name: "test", metricsQueuesMax: 1, announcer: null };
  const host: AdminHost = { ...node.host, ...parts };
  const live = new Live(host);
  const client = new SlowClient();
  live.join(client as unknown as ServerResponse, node.host.locks.nobody);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const second = (): Promise<void> => {
    node.clock.advance(1000);
    return turn();
  };
  await turn();
  await second();
  await second();
  expect(client.events).toEqual(["all", "change", "change"]);
  client.writableNeedDrain = true;
  for (let count = 0; count < 20; count++) await second();
  expect(client.events).toHaveLength(3);
  client.writableNeedDrain = false;
  await second();
  await second();
  expect(client.events.slice(3)).toEqual(["all", "change"]);
  client.writableNeedDrain = true;
  for (let count = 0; count < 35; count++) await second();
  expect(client.isDestroyed).toBe(true);
  live.stop();
  metrics.stop();
});
