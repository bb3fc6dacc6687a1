// Batches, codecs, namespaces, health and counts, through the client.

import { afterEach, describe, expect, test } from "vitest";
import type { OperationEvent } from "./cluster/operations.ts";
import { KestrelClusterClient } from "./cluster-client.ts";
import { type Codec, json, raw, text } from "./codec.ts";
import { ClusterFixture, codeOf, range } from "./testing/cluster-fixture.ts";
import { until } from "./testing/until.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(length: number, options = {}): Promise<ClusterFixture> {
  const fixture = await ClusterFixture.start(length, options);
  toEnd.push(fixture);
  return fixture;
}

describe("putMany", () => {
  test("says of each item what became of it, in their order", async () => {
    const { client, nodes } = await start(2);
    for (const node of nodes) node.itemBytesMax = 3;
    const outcomes = await client.putMany("q", ["a", "long one", "b"], { expires: 60 });
    expect(outcomes.map((outcome) => outcome.stored || (outcome.stored === false && outcome.reason))).toEqual(
      [true, "too-large", true],
    );
  });

  test("of thousands keeps each node's order", async () => {
    const { client, nodes } = await start(2);
    const outcomes = await client.putMany("q", range(6_000));
    expect(outcomes.every(({ stored }) => stored === true)).toBe(true);
    for (const node of nodes) {
      const share = node.items("q").map(Number);
      expect(share).toHaveLength(3_000);
      expect(share).toEqual(share.toSorted((a, b) => a - b));
    }
  });

  test("with the nodes away tells surely not from perhaps", async () => {
    const { client, nodes } = await start(1, { timeoutMs: 100 });
    await client.put("q", "warm");
    nodes[0]!.pause();
    const outcomes = await client.putMany("q", range(1_100));
    const counts = { unknown: 0, error: 0 };
    for (const outcome of outcomes) {
      if (outcome.stored === "unknown") counts.unknown++;
      else if (outcome.stored === false && outcome.reason === "error") counts.error++;
    }
    expect(counts.unknown).toBeGreaterThan(0);
    expect(counts.unknown + counts.error).toBe(1_100);
  });

  test("refuses the whole batch when it makes no sense", async () => {
    const { client, nodes } = await start(1);
    expect(await codeOf(client.putMany("q", ["a", 5 as never]))).toBe("bad-request");
    expect(await codeOf(client.putMany("q/x", ["a"]))).toBe("bad-request");
    expect(await codeOf(client.putMany("q", ["a"], { expires: -1 }))).toBe("bad-request");
    expect(await client.putMany("q", [])).toEqual([]);
    expect(nodes[0]!.log).toEqual([]);
  });
});

describe("getMany", () => {
  test("takes what is there, up to so many, and confirms all of it", async () => {
    const fixture = await start(3);
    const { client, nodes } = fixture;
    for (const [index, node] of nodes.entries())
      node.add("q", ...range(40).map((each) => `${index} ${each}`));
    const first = await client.getMany("q", 100);
    expect(first).toHaveLength(100);
    const rest = await client.getMany("q", 100);
    expect(rest).toHaveLength(20);
    expect(new Set([...first, ...rest].map((item) => item.text())).size).toBe(120);
    expect(fixture.openLength("q")).toBe(0);
    expect(fixture.nodes.flatMap(({ returned }) => returned)).toEqual([]);
    expect(await client.getMany("q", 5)).toEqual([]);
  });

  test("waits for the first one only", async () => {
    const { client, nodes } = await start(2);
    const waiting = client.getMany("q", 10, { wait: 60_000 });
    await until(() => nodes.every((node) => node.waitersLength("q") === 1));
    nodes[1]!.add("q", "a");
    expect((await waiting).map((item) => item.text())).toEqual(["a"]);
  });

  test("gives what it has when a node goes away meanwhile", async () => {
    const { client, nodes } = await start(2);
    nodes[0]!.add("q", ...range(10));
    nodes[1]!.status = "quiescent";
    const items = await client.getMany("q", 20, { partial: "empty" });
    expect(items).toHaveLength(10);
    expect(await codeOf(client.getMany("q", 20))).toBe("node-down");
    expect(await codeOf(client.getMany("q", 0))).toBe("bad-request");
  });
});

describe("a typed queue", () => {
  test("puts values and gives them back, marked for other memcached clients", async () => {
    const { client, nodes } = await start(1);
    const orders = client.queue("orders", json<{ id: number }>());
    await orders.put({ id: 1 });
    expect(nodes[0]!.queues.get("orders")!.items[0]!.flags).toBe(0x0200_0010);
    const found = await orders.get();
    expect(found!.value).toEqual({ id: 1 });
    expect(found!.item.text()).toBe('{"id":1}');
    await client.queue("t", text).put("Grüße");
    expect((await client.queue("t", text).open())!.value).toBe("Grüße");
    await client.queue("r", raw).put(Buffer.from([1, 255]));
    expect((await client.queue("r", raw).get())!.value).toEqual(Buffer.from([1, 255]));
    expect(await orders.get()).toBeNull();
    expect((await orders.putMany([{ id: 3 }, { id: 4 }])).map(({ stored }) => stored)).toEqual([true, true]);
    expect((await orders.peek())!.value).toEqual({ id: 3 });
    expect((await orders.getMany(5)).map(({ value }) => value)).toEqual([{ id: 3 }, { id: 4 }]);
    expect(await codeOf(orders.putMany([{ id: 5 }, undefined as never]))).toBe("bad-request");
    expect(await orders.get()).toBeNull();
    expect(await codeOf(orders.put(undefined as never))).toBe("bad-request");
  });

  test("puts many whose codec marks them in different ways, and says of each what became of it", async () => {
    const { client, nodes } = await start(1);
    const either: Codec<string | Buffer> = {
      encode: (value) => (typeof value === "string" ? text.encode(value) : raw.encode(value)),
      decode: (item) => (item.flags === 0 ? raw.decode(item) : text.decode(item)),
    };
    const mixed = client.queue("mixed", either);
    const values = ["a", Buffer.from("b"), "c", Buffer.from("d")];
    const outcomes = await mixed.putMany(values);
    expect(outcomes.map(({ stored }) => stored)).toEqual([true, true, true, true]);
    const stored = nodes[0]!.queues
      .get("mixed")!
      .items.map(({ data, flags }) => [data.toString(), flags > 0]);
    expect(stored.toSorted()).toEqual([
      ["a", true],
      ["b", false],
      ["c", true],
      ["d", false],
    ]);
  });

  test("consumes values; what can't be understood is a failure, not a loss", async () => {
    const { client, nodes } = await start(1);
    const orders = client.queue("orders", json<{ id: number }>());
    await orders.put({ id: 1 });
    nodes[0]!.add("orders", "{");
    await orders.put({ id: 2 });
    client.on("item:failed", () => {});
    const ids: number[] = [];
    orders.consume(({ id }) => ids.push(id), { onFailure: { maxAttempts: 1, deadLetterQueue: "dead" } });
    await until(() => nodes[0]!.confirmed.length === 3);
    expect(ids).toEqual([1, 2]);
    expect(nodes[0]!.items("dead")).toEqual(["{"]);
    await orders.put({ id: 3 });
  });

  test("loops and batches", async () => {
    const { client } = await start(2);
    const numbers = client.queue("numbers", json<number>());
    await Promise.all(range(20).map((each) => numbers.put(Number(each))));
    const some = await numbers.getMany(5);
    const values = some.map(({ value }) => value);
    for await (const { value } of numbers.items({ wait: 0 })) values.push(value);
    expect(values.toSorted((a, b) => a - b)).toEqual(range(20).map(Number));
  });
});

test("a namespace stands before every name, and nobody sees it", async () => {
  const { client, nodes } = await start(1, { namespace: "billing" });
  await client.put("jobs", "a");
  await client.put("jobs", "b");
  expect([...nodes[0]!.queues.keys()]).toEqual(["billing:jobs"]);
  expect(await client.get("jobs")).toMatchObject({ queue: "jobs" });
  const seen: string[] = [];
  client.on("item:failed", ({ item }) => seen.push(`failed ${item.queue}`));
  client.consume("jobs", (item) => Promise.reject(new Error(item.queue)), {
    onFailure: { maxAttempts: 1, deadLetterQueue: "dead" },
  });
  await until(() => nodes[0]!.items("billing:dead").length === 1);
  expect(seen).toEqual(["failed jobs"]);
  expect(() => new KestrelClusterClient({ servers: ["a"], namespace: "a/b" })).toThrow(/"a\/b"/);
  const roomless = "x".repeat(249);
  expect(() => new KestrelClusterClient({ servers: ["a"], namespace: roomless })).toThrow(
    /at most 248 bytes/,
  );
  expect(await codeOf(client.get("x".repeat(245)))).toBe("bad-request");
});

test("health says how every node is", async () => {
  const { client, nodes } = await start(3, { retry: { minMs: 60_000, maxMs: 60_000 } });
  expect(await client.health()).toMatchObject({ isWell: true, isUsable: true });
  await nodes[0]!.stop();
  await client.health();
  nodes[1]!.status = "read-only";
  for (const _ of range(3)) await client.put("q", "x");
  const health = await client.health();
  expect(health).toMatchObject({ isWell: false, isUsable: true });
  expect(health.nodes.map(({ isUp, takesPuts, givesReads }) => [isUp, takesPuts, givesReads])).toEqual([
    [false, false, false],
    [true, false, true],
    [true, true, true],
  ]);
  expect(health.nodes[0]!.error!.code).toBe("node-down");
  expect(health.nodes[2]!.latencyMs).toBeGreaterThan(0);
  for (const node of nodes) await node.stop();
  expect(await client.health()).toMatchObject({ isWell: false, isUsable: false });
});

test("every request is counted and told, with its outcome", async () => {
  const events: OperationEvent[] = [];
  const { client, nodes } = await start(1, { observe: (event: OperationEvent) => events.push(event) });
  const before = Date.now();
  await client.put("q", "a");
  await client.get("q");
  await client.get("q");
  nodes[0]!.itemsMax = 0;
  await client.put("q", "b");
  await nodes[0]!.stop();
  await client.health();
  await codeOf(client.put("q", "c"));
  const told = events.filter(({ operation }) => operation !== "ping");
  expect(told.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
    "put ok",
    "open ok",
    "confirm ok",
    "open empty",
    "put full",
    "put unreachable",
  ]);
  expect(told.every(({ node, queue }) => node === nodes[0]!.address && queue === "q")).toBe(true);
  expect(events[0]!.startedAt).toBeGreaterThan(before - 1_000);
  expect(events[0]!.durationMs).toBeGreaterThan(0);
  const [metrics] = client.metrics();
  expect(metrics!.operations.get("put")).toMatchObject({ count: 3, errors: 1 });
  const opens = metrics!.operations.get("open")!;
  expect(opens.buckets.reduce((sum, count) => sum + count)).toBe(opens.count);
});
