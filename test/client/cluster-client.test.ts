/**
 * KestrelClusterClient, by either wire, and by memjs through TLS, over real nodes in processes of their own, which are
 * killed, stopped and drained. TLS is left out, and this is said, without OpenSSL.
 */

import { once } from "node:events";
import {
  AdminConnection,
  KestrelClientError,
  KestrelClusterClient,
  type PutOutcome,
  type TlsOptions,
} from "@kestrel-mq/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Certificate, hasOpenssl } from "../harness/certificate.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";

const wires = ["memcache", "thrift", ...(hasOpenssl ? ["memcache with TLS"] : [])];
let transport: "memcache" | "thrift";
let secured: { tls?: TlsOptions };
let certificate: Certificate | undefined;
let nodes: KestrelNode[];
let client: KestrelClusterClient;

beforeAll(async () => {
  if (hasOpenssl) certificate = await Certificate.create();
});

afterAll(async () => {
  await certificate?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  await client.close();
  await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
});

function createClient(options: { strategy?: "hash"; timeoutMs?: number } = {}): KestrelClusterClient {
  return createClientOf(nodes, options);
}

function createClientOf(
  servers: readonly KestrelNode[],
  options: { strategy?: "hash"; timeoutMs?: number } = {},
): KestrelClusterClient {
  const retry = { minMs: 20, maxMs: 500 };
  return new KestrelClusterClient({
    servers: servers.map(addressOf),
    transport,
    retry,
    ...secured,
    ...options,
  });
}

/** Also the node's id. */
function addressOf(node: KestrelNode): string {
  return transport === "thrift" ? node.thriftAddress : node.address;
}

function codeOf(error: unknown): string {
  return error instanceof KestrelClientError ? error.code : String(error);
}

/** Sets a node's status as an operator would. */
async function setStatus(node: KestrelNode, name: string): Promise<void> {
  await using admin = new AdminConnection(node.address, secured);
  await admin.lines(`status ${name}`);
}

async function drain(queue: string): Promise<string[]> {
  const texts: string[] = [];
  for (let item = await client.get(queue); item !== null; item = await client.get(queue))
    texts.push(item.text());
  return texts;
}

describe.each(wires)("over %s", (wire) => {
  beforeEach(async () => {
    transport = wire === "thrift" ? "thrift" : "memcache";
    const hasTls = wire.endsWith("TLS");
    secured = hasTls ? { tls: { ca: certificate!.cert } } : {};
    const flags = hasTls ? certificate!.nodeFlags() : [];
    nodes = await Promise.all(
      [0, 1, 2].map(() => KestrelNode.start({ isRestarted: true, speaksThrift: true, flags })),
    );
    client = createClient();
  });

  test("the whole of the API does against a real node what it says", async () => {
    expect(await client.put("q", "one")).toMatchObject({ stored: true });
    expect(await client.put("q", Buffer.from([0, 255]), { expires: 60 })).toMatchObject({ stored: true });
    expect(await client.put("q", "gone", { expires: new Date(Date.now() - 5_000) })).toMatchObject({
      stored: true,
    });
    expect((await client.peek("q"))!.data.length).toBeGreaterThan(0);
    const [first, second] = [await client.open("q"), await client.open("q")];
    expect(await client.get("q", { wait: 30 })).toBeNull();
    await first!.abort();
    await second!.confirm();
    expect((await client.get("q"))!.data).toEqual(first!.data);
    expect(await client.get("q")).toBeNull();

    for (let turn = 0; turn < 6; turn++) await client.put("q", "x");
    const stats = await client.stats();
    expect(stats.map((each) => each.ok && each.stats.get("queue_q_items"))).toEqual(["2", "2", "2"]);
    expect((await client.flush("q")).every(({ ok }) => ok)).toBe(true);
    expect(await client.peek("q")).toBeNull();
    expect((await client.delete("q")).every(({ ok }) => ok)).toBe(true);
    expect((await client.stats()).every((each) => each.ok && !each.stats.has("queue_q_items"))).toBe(true);
  });

  test("a queue of the longest name is put to and read, in every way", async () => {
    const queue = "q".repeat(250);
    for (const text of ["one", "two", "three", "four"]) await client.put(queue, text);
    expect(await client.peek(queue)).not.toBeNull();
    expect(await client.get(queue)).not.toBeNull();
    const open = await client.open(queue, { wait: 30_000 });
    await open!.confirm();
    const handled: string[] = [];
    await new Promise<void>((resolve) => {
      client.consume(queue, (item) => {
        if (handled.push(item.text()) === 2) resolve();
      });
    });
    expect((await client.delete(queue)).every(({ ok }) => ok)).toBe(true);
    await expect(client.get(`${queue}q`)).rejects.toThrow(/at most 250 bytes/);
    await expect(client.put(`${queue}q`, "x")).rejects.toThrow(/at most 250 bytes/);
  });

  test("a wait at three nodes ends with the item, on whichever node it arrives", async () => {
    for (const node of nodes) {
      const waiting = client.get("q", { wait: 30_000 });
      await using producer = createClientOf([node]);
      await producer.put("q", "x");
      expect(await waiting).toMatchObject({ node: addressOf(node) });
    }
  });

  test("a node killed while puts are in flight: what was reported stored is there, the rest is not silently so", async () => {
    const victim = nodes[1]!;
    const outcomes = new Map<string, PutOutcome | string>();
    let count = 0;
    async function produce(): Promise<void> {
      while (count < 8_000) {
        const text = `${count++}`;
        outcomes.set(text, await client.put("q", text).catch(codeOf));
      }
    }
    const producers = Array.from({ length: 32 }, produce);
    while (count < 2_000) await new Promise((resolve) => setImmediate(resolve));
    const down = once(client, "node:down");
    await victim.kill();
    expect((await down)[0]).toMatchObject({ node: addressOf(victim) });
    while (count < 5_000) await new Promise((resolve) => setImmediate(resolve));
    const up = once(client, "node:up");
    await victim.start();
    await Promise.all([...producers, up]);

    const stored = [...outcomes].filter(([, outcome]) => typeof outcome === "object" && outcome.stored);
    const unknown = [...outcomes].filter(([, outcome]) => outcome === "unknown");
    expect(stored.length + unknown.length).toBe(8_000);
    expect(unknown.length).toBeLessThanOrEqual(32);
    const left = await drain("q");
    const set = new Set(left);
    expect(set.size).toBe(left.length);
    expect(stored.filter(([text]) => !set.has(text))).toEqual([]);
    expect(left.filter((text) => outcomes.get(text) === undefined)).toEqual([]);
  });

  test("items open on a node that is killed come again, first, and their confirms say that they were lost", async () => {
    await using single = createClientOf([nodes[0]!]);
    for (const text of ["a", "b", "c"]) await single.put("q", text);
    const open = [await single.open("q"), await single.open("q")];
    await nodes[0]!.kill();
    const waiting = single.get("q", { wait: 30_000 });
    await nodes[0]!.start();
    expect((await waiting)!.text()).toBe("a");
    for (const item of open) expect(await item!.confirm().catch(codeOf)).toBe("lost");
    expect((await single.get("q"))!.text()).toBe("b");
    expect((await single.get("q"))!.text()).toBe("c");
  });

  test("a node that is stopped in its tracks is left out, and used again when it goes on", async () => {
    await client.close();
    client = createClient({ timeoutMs: 500 });
    for (let turn = 0; turn < 3; turn++) await client.put("q", "before");
    const frozen = nodes[2]!;
    process.kill(frozen.pid, "SIGSTOP");
    const down = once(client, "node:down");
    const outcomes = await Promise.all(
      Array.from({ length: 30 }, () => client.put("q", "during").catch(codeOf)),
    );
    await down;
    expect(outcomes.filter((outcome) => outcome === "unknown").length).toBeLessThanOrEqual(10);
    expect(await client.put("q", "after")).toMatchObject({ stored: true });
    expect(await client.get("q", { partial: "empty" })).not.toBeNull();
    const up = once(client, "node:up");
    process.kill(frozen.pid, "SIGCONT");
    await up;
    const stored = outcomes.filter((outcome) => typeof outcome === "object" && outcome.stored).length;
    const left = await drain("q");
    // Three before and one after; one was taken. Puts that are unknown may be there or not.
    expect(left.length).toBeGreaterThanOrEqual(3 + stored + 1 - 1);
    expect(left.length).toBeLessThanOrEqual(3 + 30 + 1 - 1);
  });

  test("a node that takes no puts is passed over and read empty; one that gives nothing is not called empty", async () => {
    for (let turn = 0; turn < 3; turn++) await client.put("q", "before");
    await setStatus(nodes[0]!, "readonly");
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => client.put("q", "during")));
    expect(outcomes.every((outcome) => outcome.stored && outcome.node !== addressOf(nodes[0]!))).toBe(true);
    expect(await drain("q")).toHaveLength(63);

    await setStatus(nodes[0]!, "quiescent");
    const error = await client.get("q", { wait: 20 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "node-down", down: [addressOf(nodes[0]!)] });
    await setStatus(nodes[0]!, "up");
    const waiting = client.get("q", { wait: 30_000 });
    await using producer = createClientOf([nodes[0]!]);
    await producer.put("q", "again");
    expect((await waiting)!.text()).toBe("again");
  });

  test("items of one key are handled in the order in which they were put", async () => {
    const handled = new Map<string, number[]>();
    let length = 0;
    client.consume("q", (item) => {
      const [key, count] = item.text().split(" ") as [string, string];
      handled.set(key, [...(handled.get(key) ?? []), Number(count)]);
      length++;
    });
    const puts: Promise<PutOutcome>[] = [];
    for (let count = 0; count < 30; count++) {
      for (let key = 0; key < 100; key++) puts.push(client.put("q", `${key} ${count}`, { key: `${key}` }));
    }
    expect((await Promise.all(puts)).every(({ stored }) => stored)).toBe(true);
    while (length < 3_000) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const counts of handled.values())
      expect(counts).toEqual(Array.from({ length: 30 }, (_, count) => count));
  });

  test("ten thousand puts while a hashed queue's home is down are handled by an ordinary consumer", async () => {
    await client.close();
    client = createClient({ strategy: "hash" });
    const home = nodes.find((node) => addressOf(node) === client.nodeFor("q"))!;
    await home.kill();
    const down = client.health();
    const texts = Array.from({ length: 10_000 }, (_, index) => `${index}`);
    await down;
    const outcomes = await client.putMany("q", texts);
    expect(outcomes.every(({ stored }) => stored === true)).toBe(true);
    await home.start();
    const seen = new Set<string>();
    await using fresh = createClient({ strategy: "hash" });
    fresh.consume("q", (item) => seen.add(item.text()), { concurrency: 8 });
    while (seen.size < texts.length) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test("under hash a queue lives at home, and on its stand-in while the home is down", async () => {
    await client.close();
    client = createClient({ strategy: "hash" });
    const home = nodes.find((node) => addressOf(node) === client.nodeFor("q"))!;
    expect(await client.put("q", "home")).toMatchObject({ node: addressOf(home) });
    await home.kill();
    const { node } = await client.put("q", "away");
    expect(node).not.toBe(addressOf(home));
    expect((await client.get("q"))!.text()).toBe("away");
    expect(await client.get("q").catch(codeOf)).toBe("node-down");
    const up = once(client, "node:up");
    await home.start();
    await up;
    expect((await client.get("q"))!.text()).toBe("home");
  });

  test("thousands of puts at once and a large item arrive whole", async () => {
    const large = Buffer.alloc(8 * 1024 * 1024, "large ");
    const puts = Array.from({ length: 5_000 }, (_, index) => client.put("q", `${index}`));
    await Promise.all([...puts, client.put("large", large)]);
    expect((await client.get("large"))!.data.equals(large)).toBe(true);
    expect((await drain("q")).length).toBe(5_000);
  });

  test("a fanout of a hashed queue gets all that is put, also on stand-ins while the home is down", async () => {
    await client.close();
    client = createClient({ strategy: "hash" });
    const fanout = "orders+audit";
    expect(await client.get(fanout)).toBeNull();
    const home = nodes.find((node) => addressOf(node) === client.nodeFor("orders"))!;
    expect(await client.put("orders", "at home")).toMatchObject({ node: addressOf(home) });
    await home.kill();
    expect((await client.put("orders", "away")).node).not.toBe(addressOf(home));
    await home.start();
    expect(await client.put("orders", "home again")).toMatchObject({ stored: true });
    const seen: string[] = [];
    client.consume(fanout, (item) => seen.push(item.text()));
    while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(seen.toSorted()).toEqual(["at home", "away", "home again"]);
  });
});
