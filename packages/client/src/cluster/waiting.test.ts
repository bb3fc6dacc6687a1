// Waiting for items on several nodes at once, through the client.

import { on } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { KestrelClusterClient } from "../cluster-client.ts";
import { KestrelClientError } from "../errors.ts";
import type { ClusterOptions } from "../options.ts";
import { renderMiss, renderReply } from "../testing/binary-frames.ts";
import { FakeKestrel } from "../testing/fake-kestrel.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { until } from "../testing/until.ts";
import { LINGER_MS } from "./desk.ts";

const LONG_MS = 60_000;
const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function startNodes(length: number): Promise<FakeKestrel[]> {
  const nodes = await Promise.all(Array.from({ length }, () => FakeKestrel.start()));
  toEnd.push(...nodes);
  return nodes;
}

function createClient(
  nodes: readonly { readonly port: number }[],
  options: Partial<ClusterOptions> = {},
): KestrelClusterClient {
  const client = new KestrelClusterClient({
    servers: nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    timeoutMs: 5_000,
    retry: { minMs: 10, maxMs: 100 },
    ...options,
  });
  toEnd.push(client);
  return client;
}

function everyoneWaits(nodes: readonly FakeKestrel[], length = 1): Promise<void> {
  return until(() => nodes.every((node) => node.waitersLength("q") === length));
}

test("an item is found on whichever node it arrives", async () => {
  const nodes = await startNodes(3);
  const client = createClient(nodes);
  for (const node of [...nodes, ...nodes.toReversed()]) {
    const waiting = client.get("q", { wait: LONG_MS });
    await everyoneWaits(nodes);
    node.add("q", node.address);
    const item = await waiting;
    expect(item).toMatchObject({ node: node.address });
    expect(item!.text()).toBe(node.address);
  }
});

test("those who wait are served in the order in which they came, wherever the items are", async () => {
  const nodes = await startNodes(3);
  const client = createClient(nodes);
  const texts: string[] = [];
  const waiting = [0, 1, 2, 3].map(async (caller) => {
    const item = await client.get("q", { wait: LONG_MS });
    texts.push(`${caller} ${item!.text()}`);
  });
  await everyoneWaits(nodes, 4);
  for (const [index, node] of [nodes[2]!, nodes[0]!, nodes[2]!, nodes[1]!].entries()) {
    node.add("q", `item ${index}`);
    await until(() => texts.length === index + 1);
  }
  await Promise.all(waiting);
  expect(texts).toEqual(["0 item 0", "1 item 1", "2 item 2", "3 item 3"]);
});

describe("two nodes that answer at once", () => {
  test("lose nothing: what nobody takes is back in its place", async () => {
    const nodes = await startNodes(2);
    const client = createClient(nodes);
    const waiting = client.get("q", { wait: LONG_MS });
    await everyoneWaits(nodes);
    for (const node of nodes) node.add("q", `${node.address} first`, `${node.address} second`);
    const item = await waiting;
    await until(() => nodes.every((node) => node.openLength("q") === 0));
    const left = nodes.flatMap((node) => node.items("q"));
    const all = nodes.flatMap((node) => [`${node.address} first`, `${node.address} second`]);
    expect(left).toEqual(all.filter((text) => text !== item!.text()));
  });

  test("serve two who wait, without anything going back", async () => {
    const nodes = await startNodes(2);
    const client = createClient(nodes);
    const waiting = [1, 2].map(() => client.get("q", { wait: LONG_MS }));
    await everyoneWaits(nodes, 2);
    for (const node of nodes) node.add("q", node.address);
    const items = await Promise.all(waiting);
    expect(items.map((item) => item!.text()).toSorted()).toEqual(
      nodes.map(({ address }) => address).toSorted(),
    );
    expect(nodes.flatMap(({ returned }) => returned)).toEqual([]);
  });

  test("serve one who comes straight back, without anything going back", async () => {
    const nodes = await startNodes(2);
    const client = createClient(nodes);
    // Again, where the machine takes longer than polls are kept.
    for (let isInTime = false; !isInTime; ) {
      const returnedLength = nodes.flatMap(({ returned }) => returned).length;
      const waiting = client.open("q", { wait: LONG_MS });
      await everyoneWaits(nodes);
      for (const node of nodes) node.add("q", node.address);
      // Straight back: a get would wait for its confirm.
      const first = await waiting;
      const cameMs = performance.now();
      const items = [first, await client.open("q", { wait: LONG_MS })];
      isInTime = performance.now() - cameMs < LINGER_MS;
      await Promise.all(items.map((item) => item!.confirm()));
      const texts = items.map((item) => item!.text());
      expect(texts.toSorted()).toEqual(nodes.map(({ address }) => address).toSorted());
      if (isInTime) expect(nodes.flatMap(({ returned }) => returned)).toHaveLength(returnedLength);
    }
  });
});

test("an item on its way to a poll without a taker is still found by one who doesn't wait", async () => {
  const nodes = await startNodes(2);
  const client = createClient(nodes);
  const waiting = client.get("q", { wait: LONG_MS });
  await everyoneWaits(nodes);
  nodes[0]!.add("q", "a");
  await waiting;
  // The poll at the other node lingers, and takes this.
  nodes[1]!.add("q", "b");
  expect((await client.get("q"))!.text()).toBe("b");
});

describe("an idle wait", () => {
  test("asks each node twice, and then sits still", async () => {
    const nodes = await startNodes(3);
    const client = createClient(nodes);
    expect(await client.get("q", { wait: 300 })).toBeNull();
    for (const node of nodes) {
      expect(node.log).toHaveLength(2);
      expect(node.log[0]).toBe("get q/open");
      expect(node.log[1]).toMatch(/^get q\/t=\d+\/open$/);
    }
  });

  test("ends without breaking connections", async () => {
    const nodes = await startNodes(3);
    const client = createClient(nodes);
    for (let turn = 0; turn < 5; turn++) expect(await client.get("q", { wait: 20 })).toBeNull();
    expect(nodes.map(({ connectionsTotal }) => connectionsTotal)).toEqual([1, 1, 1]);
  });

  test("leaves no poll behind when the item came from elsewhere", async () => {
    const nodes = await startNodes(3);
    const client = createClient(nodes);
    const waiting = client.get("q", { wait: LONG_MS });
    await everyoneWaits(nodes);
    nodes[1]!.add("q", "a");
    await waiting;
    await everyoneWaits(nodes, 0);
  });

  test("of many callers takes few connections", async () => {
    const nodes = await startNodes(2);
    const client = createClient(nodes);
    const waiting = Array.from({ length: 100 }, () => client.get("q", { wait: LONG_MS }));
    await everyoneWaits(nodes, 8);
    for (let index = 0; index < 100; index++) nodes[index % 2]!.add("q", `${index}`);
    const texts = (await Promise.all(waiting)).map((item) => Number(item!.text()));
    expect(texts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("at a node that doesn't wait is no hot loop", async () => {
    const server = await ScriptedServer.start((request, socket) => socket.write(renderMiss(request)));
    toEnd.push(server);
    const client = createClient([server]);
    expect(await client.get("q", { wait: 500 })).toBeNull();
    expect(server.requests.length).toBeLessThan(25);
  });

  test("at a node that breaks every connection is no hot loop", async () => {
    const server = await ScriptedServer.start((_request, socket) => socket.destroy());
    toEnd.push(server);
    const client = createClient([server], { retry: { minMs: 20, maxMs: 1_000 } });
    const error = await client.get("q", { wait: 500 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KestrelClientError);
    expect(error).toMatchObject({ code: "node-down" });
    expect(server.connections).toBeLessThan(25);
  });
});

describe("a wait that began with nodes down", () => {
  test("finds an item on a node that comes up meanwhile", async () => {
    const nodes = await startNodes(2);
    await nodes[1]!.stop();
    const client = createClient(nodes);
    const waiting = client.get("q", { wait: LONG_MS });
    await everyoneWaits([nodes[0]!]);
    await nodes[1]!.start();
    await everyoneWaits(nodes);
    nodes[1]!.add("q", "a");
    expect((await waiting)!.text()).toBe("a");
  });

  test("works as soon as there is any node at all", async () => {
    const nodes = await startNodes(2);
    for (const node of nodes) await node.stop();
    const client = createClient(nodes);
    const waiting = client.get("q", { wait: LONG_MS });
    await until(() => client.nodes().every(({ state }) => state === "down"));
    nodes[1]!.add("q", "a");
    await nodes[1]!.start();
    expect((await waiting)!.text()).toBe("a");
  });

  test("and ends so says which could not be asked", async () => {
    const nodes = await startNodes(2);
    await nodes[0]!.stop();
    const client = createClient(nodes);
    const error = await client.get("q", { wait: 50 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "node-down", down: [nodes[0]!.address] });
  });

  test("but all up in the end may say that there is nothing", async () => {
    const nodes = await startNodes(2);
    await nodes[0]!.stop();
    const client = createClient(nodes);
    const waiting = client.get("q", { wait: 2_000 });
    await everyoneWaits([nodes[1]!]);
    await nodes[0]!.start();
    expect(await waiting).toBeNull();
  });
});

/** The next warning of ours: others of the process may come between. */
async function ownWarning(): Promise<Error> {
  for await (const [warning] of on(process, "warning")) {
    if (warning.name === "KestrelClientWarning") return warning;
  }
  throw new Error("the process warns no more");
}

describe("nodes that lock the client out", () => {
  const lockedOut: [string, number][] = [
    ["want other credentials", 0x20],
    ["give no right to the queue", 0x08],
  ];
  async function startLocked(status: number): Promise<ScriptedServer> {
    const server = await ScriptedServer.start(({ opcode, opaque }, socket) => {
      socket.write(renderReply(opcode, opaque, { status, value: "no" }));
    });
    toEnd.push(server);
    return server;
  }

  test.each(lockedOut)("all of them: when they %s, nobody waits", async (_, status) => {
    const client = createClient([await startLocked(status), await startLocked(status)]);
    for (let turn = 0; turn < 2; turn++) {
      const error = await client.get("q", { wait: LONG_MS }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "unauthorized", down: expect.objectContaining({ length: 2 }) });
    }
  });

  test.each(lockedOut)("some of them: when they %s, the others go on", async (_, status) => {
    const nodes = await startNodes(1);
    const client = createClient([await startLocked(status), nodes[0]!]);
    for (const text of ["a", "b"]) {
      const waiting = client.get("q", { wait: LONG_MS });
      await everyoneWaits(nodes);
      nodes[0]!.add("q", text);
      expect((await waiting)!.text()).toBe(text);
    }
  });

  test.each(lockedOut)("a consumer waits on when they %s, and is let in", async (_, status) => {
    const [node] = await startNodes(1);
    node!.lockout = status;
    node!.add("q", "a");
    const warned = ownWarning();
    const client = createClient([node!]);
    const handled = new Promise<string>((resolve) => client.consume("q", (item) => resolve(item.text())));
    expect((await warned).message).toContain('"q"');
    node!.lockout = undefined;
    expect(await handled).toBe("a");
  });
});

test("an item that was open when its reader's connection broke comes again, in its old place", async () => {
  const nodes = await startNodes(1);
  const client = createClient(nodes);
  nodes[0]!.add("q", "a", "b");
  await client.open("q", { wait: LONG_MS });
  nodes[0]!.breakConnections();
  expect((await client.get("q", { wait: LONG_MS }))!.text()).toBe("a");
  expect((await client.get("q", { wait: LONG_MS }))!.text()).toBe("b");
});

test("under hash, a wait at stand-ins moves home when the home comes back", async () => {
  const nodes = await startNodes(3);
  const client = createClient(nodes, { strategy: "hash" });
  const home = nodes.find(({ address }) => address === client.nodeFor("q"))!;
  const others = nodes.filter((node) => node !== home);
  await home.stop();
  const waiting = client.get("q", { wait: LONG_MS });
  await everyoneWaits(others);
  await home.start();
  await everyoneWaits([home]);
  await everyoneWaits(others, 0);
  home.add("q", "a");
  expect((await waiting)!.node).toBe(home.address);
});

test("producers and consumers through breaking nodes: nothing lost, doubled only where a confirm was lost", async () => {
  const nodes = await startNodes(3);
  const client = createClient(nodes);
  const total = 1_500;
  const seen = new Map<string, number>();
  let unsureConfirms = 0;
  let isDone = false;
  let unsurePuts = 0;

  async function produce(first: number): Promise<void> {
    for (let index = first; index < total; index += 4) {
      await client.put("q", `${index}`).catch((error: unknown) => {
        expect(error).toMatchObject({ code: "unknown" });
        unsurePuts++;
      });
    }
  }
  async function consume(): Promise<void> {
    while (!isDone) {
      const item = await client.open("q", { wait: 200, partial: "empty" });
      if (item === null) continue;
      seen.set(item.text(), (seen.get(item.text()) ?? 0) + 1);
      await item.confirm().catch((error: unknown) => {
        expect(["lost", "unknown"]).toContain((error as KestrelClientError).code);
        unsureConfirms++;
      });
    }
  }
  async function disturb(): Promise<void> {
    for (let turn = 0; turn < 12; turn++) {
      const node = nodes[turn % 3]!;
      const before = node.confirmed.length;
      await until(() => node.confirmed.length > before + 10 || seen.size >= total - unsurePuts);
      if (turn % 2 === 0) node.breakConnections();
      else {
        await node.stop();
        await node.start();
      }
    }
  }
  const consumers = [1, 2, 3, 4].map(consume);
  await Promise.all([disturb(), ...[0, 1, 2, 3].map(produce)]);
  const stored = nodes.flatMap((node) => node.stored);
  await until(() => stored.every((text) => seen.has(text)));
  isDone = true;
  await Promise.all(consumers);
  const doubled = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
  expect(doubled).toBeLessThanOrEqual(unsureConfirms);
  expect(new Set(stored).size).toBe(stored.length);
  expect(stored.length).toBeGreaterThanOrEqual(total - unsurePuts);
  expect(nodes.every((node) => node.items("q").length === 0)).toBe(true);
});
