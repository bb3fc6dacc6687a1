/** Items of one key are handled in the order in which they were put: over three real nodes, and through an added one. */

import { KestrelClusterClient, type PutOutcome } from "@kestrel-mq/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";

/** There to end a hang: so much is done here that a loaded machine takes its time. */
vi.setConfig({ testTimeout: 240_000 });

const keyCount = 1_000;
const keys = Array.from({ length: keyCount }, (_, index) => `key ${index}`);
/** Puts under way at the same time. */
const rowsAtOnce = 5;
const toEnd: AsyncDisposable[] = [];
let nodes: KestrelNode[];

beforeEach(async () => {
  nodes = await Promise.all([0, 1, 2, 3].map(() => KestrelNode.start()));
  toEnd.push(...nodes);
});

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

function createClient(of: readonly KestrelNode[]): KestrelClusterClient {
  const client = new KestrelClusterClient({ servers: of.map(({ address }) => address) });
  toEnd.push(client);
  return client;
}

/** Puts the items `from` to `to` of each key, and gives the node of each key's last one. */
async function putRows(client: KestrelClusterClient, from: number, to: number): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (let start = from; start < to; start += rowsAtOnce) {
    const puts: Promise<PutOutcome>[] = [];
    for (let row = start; row < Math.min(to, start + rowsAtOnce); row++) {
      for (const key of keys) puts.push(client.put("q", `${key}:${row}`, { key }));
    }
    for (const [index, outcome] of (await Promise.all(puts)).entries()) {
      expect(outcome.stored).toBe(true);
      places.set(keys[index % keyCount]!, outcome.node);
    }
  }
  return places;
}

/** What came of each key, in the order in which it was handled. */
class Handled {
  readonly rows = new Map<string, number[]>(keys.map((key) => [key, []]));
  length = 0;

  add(text: string): void {
    const [key, row] = text.split(":") as [string, string];
    this.rows.get(key)!.push(Number(row));
    this.length++;
  }

  async untilLength(length: number): Promise<void> {
    while (this.length < length) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

test("through a hundred thousand items of a thousand keys, with a consumer for each node", async () => {
  const three = nodes.slice(0, 3);
  const handled = new Handled();
  for (const node of three) createClient([node]).consume("q", (item) => handled.add(item.text()));
  const places = await putRows(createClient(three), 0, 100);
  expect(new Set(places.values()).size).toBe(3);
  await handled.untilLength(100 * keyCount);
  for (const rows of handled.rows.values()) expect(rows).toEqual(range(0, 100));
});

test("through an added node: keys that stay keep their order, others in what is put before and after", async () => {
  const client = createClient(nodes.slice(0, 3));
  const before = await putRows(client, 0, 10);
  client.addNode(nodes[3]!.address);
  const after = await putRows(client, 10, 20);
  const moved = new Set(keys.filter((key) => before.get(key) !== after.get(key)));
  expect([...moved].every((key) => after.get(key) === nodes[3]!.address)).toBe(true);
  expect(moved.size).toBeGreaterThan(keyCount / 10);
  expect(moved.size).toBeLessThan(keyCount / 2);
  const handled = new Handled();
  client.consume("q", (item) => handled.add(item.text()));
  await handled.untilLength(20 * keyCount);
  for (const [key, rows] of handled.rows) {
    if (!moved.has(key)) expect(rows).toEqual(range(0, 20));
    expect(rows.filter((row) => row < 10)).toEqual(range(0, 10));
    expect(rows.filter((row) => row >= 10)).toEqual(range(10, 20));
  }
});

test("and with orderedOnly they wait for their node rather than overtake each other", async () => {
  const [key, home] = [...(await putRows(createClient(nodes), 0, 1))][0]!;
  const node = nodes.find(({ address }) => address === home)!;
  const client = createClient(nodes);
  await using session = await node.client();
  await session.line("status readonly");
  const refused = await client
    .put("q", `${key}:1`, { key, orderedOnly: true })
    .catch(({ code }: { code: string }) => code);
  expect(refused).toBe("unavailable");
  const waiting = client.put("q", `${key}:1`, { key, orderedOnly: true, wait: 30_000 });
  await session.line("status up");
  expect(await waiting).toMatchObject({ stored: true, node: home });
});
