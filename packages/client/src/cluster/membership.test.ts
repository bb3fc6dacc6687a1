// Nodes that come and go while the client is at work.

import { afterEach, describe, expect, test } from "vitest";
import { ClusterFixture, codeOf, range } from "../testing/cluster-fixture.ts";
import { FakeKestrel } from "../testing/fake-kestrel.ts";
import { until } from "../testing/until.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(length: number, options = {}): Promise<ClusterFixture> {
  const fixture = await ClusterFixture.start(length, options);
  toEnd.push(fixture);
  return fixture;
}

async function startNode(): Promise<FakeKestrel> {
  const node = await FakeKestrel.start();
  toEnd.push(node);
  return node;
}

describe("a node that is let in", () => {
  test("gets its share of the puts, and is waited at", async () => {
    const { client, nodes } = await start(2);
    const seen: string[] = [];
    client.consume("q", (item) => seen.push(item.text()));
    await until(() => nodes.every((node) => node.waitersLength("q") === 1));
    const newcomer = await startNode();
    const added: string[] = [];
    client.on("node:added", ({ node }) => added.push(node));
    client.addNode({ host: "127.0.0.1", port: newcomer.port, id: "new" });
    expect(added).toEqual(["new"]);
    await until(() => newcomer.waitersLength("q") === 1);
    newcomer.add("q", "there");
    await until(() => seen.length === 1);
    const outcomes = await client.putMany("r", range(30));
    expect(outcomes.filter((outcome) => outcome.stored === true && outcome.node === "new")).toHaveLength(10);
    expect(client.nodes().map(({ id }) => id)).toEqual([...nodes.map(({ address }) => address), "new"]);
  });

  test("must have an id of its own", async () => {
    const { client, nodes } = await start(1);
    expect(() => client.addNode(nodes[0]!.address)).toThrow(expect.objectContaining({ code: "bad-request" }));
  });
});

describe("a node that is let go", () => {
  test("gets no more puts, is read empty, and is gone", async () => {
    const { client, nodes } = await start(3);
    const leaving = nodes[1]!;
    for (const node of nodes) node.add("q", ...range(100));
    const seen: string[] = [];
    client.consume("q", (item) => seen.push(item.node), { concurrency: 3 });
    await until(() => seen.length > 10);
    const removed = client.removeNode(leaving.address);
    const outcomes = await client.putMany("r", range(20));
    expect(outcomes.every((outcome) => outcome.stored === true && outcome.node !== leaving.address)).toBe(
      true,
    );
    expect(await removed).toEqual({ isEmpty: true });
    expect(leaving.items("q")).toEqual([]);
    await until(() => leaving.connections === 0);
    await until(() => seen.length === 300);
    expect(client.nodes().map(({ id }) => id)).not.toContain(leaving.address);
    const calls = leaving.log.length;
    await client.putMany("r", range(20));
    await client.get("q", { partial: "empty" });
    expect(leaving.log).toHaveLength(calls);
  });

  test("is read by plain gets too, and its open items may be confirmed", async () => {
    const { client, nodes } = await start(2);
    const leaving = nodes[0]!;
    leaving.add("q", "open", "a", "b");
    const open = await client.open("q");
    const removed = client.removeNode(leaving.address);
    const texts = new Set<string>();
    while (texts.size < 2) {
      const item = await client.get("q", { wait: 5 });
      if (item !== null) texts.add(item.text());
    }
    expect(await client.get("q", { wait: 5 })).toBeNull();
    await open!.confirm();
    expect(await removed).toEqual({ isEmpty: true });
    expect(leaving.confirmed.toSorted()).toEqual(["a", "b", "open"]);
  });

  test("is given up at the deadline, and says what that means", async () => {
    const { client, nodes } = await start(2);
    const leaving = nodes[0]!;
    leaving.add("q", "open", "left");
    const open = await client.open("q");
    expect(await client.removeNode(leaving.address, { deadline: 20 })).toEqual({ isEmpty: false });
    expect(await codeOf(open!.confirm())).toBe("lost");
    await until(() => leaving.items("q").length === 2);
  });

  test("while it is down is gone at once, and its items can't be told of", async () => {
    const { client, nodes } = await start(2);
    await client.put("q", "a");
    await client.get("q", { wait: 5 });
    await nodes[0]!.stop();
    expect(await client.removeNode(nodes[0]!.address)).toEqual({ isEmpty: false });
    expect(await client.get("q")).toBeNull();
  });

  test("that nobody reads from here is gone at once", async () => {
    const { client, nodes } = await start(2);
    nodes[0]!.add("q", "a");
    expect(await client.removeNode(nodes[0]!.address)).toEqual({ isEmpty: true });
  });

  test("must exist, and not be the last", async () => {
    const { client, nodes } = await start(1);
    expect(await codeOf(client.removeNode("nobody"))).toBe("bad-request");
    expect(await codeOf(client.removeNode(nodes[0]!.address))).toBe("bad-request");
  });
});

test("nothing is lost while nodes come and go under load", async () => {
  const { client, nodes } = await start(2);
  const seen = new Map<string, number>();
  client.consume("q", (item) => void seen.set(item.text(), (seen.get(item.text()) ?? 0) + 1), {
    concurrency: 4,
  });
  let next = 0;
  const total = 3_000;
  const producers = Array.from({ length: 8 }, async () => {
    while (next < total) expect(await client.put("q", `${next++}`)).toMatchObject({ stored: true });
  });
  const newcomer = await startNode();
  await until(() => seen.size > 500);
  client.addNode(newcomer.address);
  await until(() => seen.size > 1_000);
  expect(await client.removeNode(nodes[0]!.address)).toEqual({ isEmpty: true });
  await Promise.all(producers);
  await until(() => seen.size === total);
  expect([...seen.values()].every((times) => times === 1)).toBe(true);
});

describe("an item with a key and orderedOnly", () => {
  test("goes to its node or nowhere", async () => {
    const { client, nodes } = await start(3);
    const { node: home } = await client.put("q", "a", { key: "k", orderedOnly: true });
    const homeNode = nodes.find(({ address }) => address === home)!;
    await homeNode.stop();
    // So that the end of its connection is noticed before something is written to it.
    await client.health();
    expect(await codeOf(client.put("q", "b", { key: "k", orderedOnly: true }))).toBe("no-node");
    expect(await client.put("q", "c", { key: "k" })).toMatchObject({ stored: true });
    const waiting = client.put("q", "d", { key: "k", orderedOnly: true, wait: 60_000 });
    await homeNode.start();
    expect(await waiting).toEqual({ stored: true, node: home });
    expect(homeNode.items("q")).toEqual(["a", "d"]);
  });

  test("waits no longer than told, and can be aborted", async () => {
    const { client, nodes } = await start(1);
    await nodes[0]!.stop();
    expect(await codeOf(client.put("q", "a", { wait: 30 }))).toBe("no-node");
    const controller = new AbortController();
    const waiting = codeOf(client.put("q", "a", { wait: 60_000, signal: controller.signal }));
    controller.abort();
    expect(await waiting).toBe("aborted");
    const closing = codeOf(client.put("q", "a", { wait: 60_000 }));
    await client.close();
    expect(await closing).toBe("closed");
  });
});
