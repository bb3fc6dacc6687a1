// Batches over thrift, through the client: few calls, and of each item what became of it.

import { afterEach, expect, test } from "vitest";
import { KestrelClusterClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../options.ts";
import { range } from "../testing/cluster-fixture.ts";
import { FakeThrift } from "../testing/fake-thrift.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(
  length: number,
  options: Partial<ClusterOptions> = {},
): Promise<{ nodes: FakeThrift[]; client: KestrelClusterClient }> {
  const nodes = await Promise.all(Array.from({ length }, () => FakeThrift.start()));
  const client = new KestrelClusterClient({
    servers: nodes.map(({ port }) => `127.0.0.1:${port}`),
    transport: "thrift",
    ...options,
  });
  toEnd.push(...nodes, client);
  return { nodes, client };
}

/** "stored", or why not. */
async function put(client: KestrelClusterClient, items: readonly string[], options = {}): Promise<string[]> {
  const outcomes = await client.putMany("q", items, options);
  return outcomes.map((outcome) => {
    if (outcome.stored === false) return outcome.reason;
    return outcome.stored === true ? "stored" : "unknown";
  });
}

test("each node gets its share in one call, in order", async () => {
  const { nodes, client } = await start(2);
  expect(await put(client, range(100))).toEqual(range(100).map(() => "stored"));
  for (const node of nodes) {
    expect(node.log).toEqual(["put q 50"]);
    expect(node.items("q").map(Number)).toEqual(
      node
        .items("q")
        .map(Number)
        .toSorted((a, b) => a - b),
    );
  }
  const items = await client.getMany("q", 200);
  expect(items.map((item) => Number(item.text())).toSorted((a, b) => a - b)).toEqual(range(100).map(Number));
  expect(nodes.map(({ confirmed }) => confirmed.length)).toEqual([50, 50]);
});

test("with a key all go to one node, and megabytes in several calls", async () => {
  const { nodes, client } = await start(3);
  const megabyte = "x".repeat(700_000);
  expect(await put(client, [megabyte, megabyte, "a", "b", megabyte], { key: "k" })).toEqual(
    range(5).map(() => "stored"),
  );
  expect(nodes.flatMap(({ log }) => log)).toEqual(["put q 1", "put q 3", "put q 1"]);
});

test("one that is too large doesn't keep those behind it away", async () => {
  const { nodes, client } = await start(1);
  nodes[0]!.itemBytesMax = 3;
  expect(await put(client, ["a", "long one", "b", "c"])).toEqual(["stored", "full", "stored", "stored"]);
  expect(nodes[0]!.items("q")).toEqual(["a", "b", "c"]);
  expect(nodes[0]!.log).toEqual(["put q 4", "put q 2"]);
});

test("a full queue is not asked for each item, and what it refuses goes to another node", async () => {
  const { nodes, client } = await start(2);
  nodes[0]!.itemsMax = 10;
  expect(await put(client, range(100))).toEqual(range(100).map(() => "stored"));
  expect(nodes.map((node) => node.items("q").length)).toEqual([10, 90]);
  nodes[1]!.itemsMax = 0;
  expect(new Set(await put(client, range(10)))).toEqual(new Set(["full"]));
  expect(nodes[0]!.log.filter((line) => line.startsWith("put")).length).toBeLessThanOrEqual(6);
});

test("what a node was sent and has not answered is unknown, what it was not sent goes elsewhere", async () => {
  const { nodes, client } = await start(2);
  await put(client, ["a", "b"]);
  const outcomes = put(client, range(20_000));
  await client.health();
  nodes[0]!.breakConnections();
  const counts = new Map<string, number>();
  for (const outcome of await outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const items = new Set(nodes.flatMap((node) => node.items("q")));
  expect((counts.get("stored") ?? 0) + (counts.get("unknown") ?? 0)).toBe(20_000);
  expect(counts.get("unknown") ?? 0).toBeLessThanOrEqual(4_096);
  expect(items.size).toBeGreaterThanOrEqual(counts.get("stored") ?? 0);
});

test("no node there: surely not stored, and after a wait stored as soon as there is one", async () => {
  const { nodes, client } = await start(1, { retry: { minMs: 10, maxMs: 50 } });
  await nodes[0]!.stop();
  expect(await put(client, ["a", "b"])).toEqual(["error", "error"]);
  const waiting = put(client, ["a", "b"], { wait: 60_000 });
  await client.health();
  await nodes[0]!.restart();
  expect(await waiting).toEqual(["stored", "stored"]);
  expect(nodes[0]!.items("q")).toEqual(["a", "b"]);
});
