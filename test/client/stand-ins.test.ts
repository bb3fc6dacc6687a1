/** Items of hashed queues that were put while their home was down are found by whoever consumes, however it comes back. */

import { once } from "node:events";
import { KestrelClusterClient } from "@kestrel-mq/client";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";

/** There to end a hang: so much is done here that a loaded machine takes its time. */
vi.setConfig({ testTimeout: 240_000 });

const itemCount = 2_000;
const toEnd: AsyncDisposable[] = [];
let nodes: KestrelNode[];
let producing: KestrelClusterClient;

beforeEach(async () => {
  nodes = await Promise.all([0, 1, 2].map(() => KestrelNode.start({ isRestarted: true })));
  toEnd.push(...nodes);
  producing = createClient();
});

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

/** With all defaults, as ordinary users have it. */
function createClient(): KestrelClusterClient {
  const client = new KestrelClusterClient({ servers: nodes.map(({ address }) => address), strategy: "hash" });
  toEnd.push(client);
  return client;
}

function homeOf(queue: string): KestrelNode {
  return nodes.find(({ address }) => address === producing.nodeFor(queue))!;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Puts that many items in all, evenly into the queues, and gives the nodes that have taken them. */
async function putAll(queues: readonly string[], name: string): Promise<Set<string>> {
  const homes = new Set<string>();
  for (const queue of queues) {
    const texts = Array.from(
      { length: itemCount / queues.length },
      (_, index) => `${name} ${queue} ${index}`,
    );
    for (const outcome of await producing.putMany(queue, texts)) {
      expect(outcome.stored).toBe(true);
      if (outcome.stored === true) homes.add(outcome.node);
    }
  }
  return homes;
}

/** Consumes the queues with a client of its own, which knows nothing of what was. */
function consume(queues: readonly string[], seen: Set<string>): KestrelClusterClient {
  const client = createClient();
  for (const queue of queues) client.consume(queue, (item) => void seen.add(item.text()), { concurrency: 4 });
  return client;
}

test("by a consumer that was there all the time", async () => {
  const seen = new Set<string>();
  consume(["q"], seen);
  const home = homeOf("q");
  await producing.put("q", "before");
  await until(() => seen.size === 1);
  await home.kill();
  await until(() => seen.size === 1);
  await putAll(["q"], "during");
  await home.start();
  await producing.put("q", "after");
  await until(() => seen.size === itemCount + 2);
});

test("by a new one, in all of several queues, though their home has items of its own", async () => {
  const home = homeOf("q-0");
  const queues = Array.from({ length: 100 }, (_, index) => `q-${index}`)
    .filter((queue) => homeOf(queue) === home)
    .slice(0, 10);
  expect(queues).toHaveLength(10);
  expect(await putAll(queues, "before")).toEqual(new Set([home.address]));
  await home.kill();
  const standIns = await putAll(queues, "during");
  expect(standIns).not.toContain(home.address);
  await home.start();
  const seen = new Set<string>();
  consume(queues, seen);
  await until(() => seen.size === 2 * itemCount);
});

test("also when the stand-in is down in its turn when the consumer comes, and back later", async () => {
  const home = homeOf("q");
  await home.kill();
  const [standInAddress] = await putAll(["q"], "during");
  const standIn = nodes.find(({ address }) => address === standInAddress)!;
  await standIn.kill();
  await home.start();
  const seen = new Set<string>();
  const consuming = consume(["q"], seen);
  const down = once(consuming, "node:down");
  await producing.put("q", "after", { wait: 10_000 });
  await until(() => seen.size === 1);
  await down;
  await standIn.start();
  await until(() => seen.size === itemCount + 1);
});

test("also when every node has stood in for another, one failure after the other", async () => {
  const order: KestrelNode[] = [homeOf("q")];
  let stored = 0;
  for (let turn = 0; turn < 2; turn++) {
    await order.at(-1)!.kill();
    const places = await putAll(["q"], `turn ${turn}`);
    expect(places.size).toBe(1);
    order.push(nodes.find(({ address }) => places.has(address))!);
    stored += itemCount;
  }
  expect(new Set(order).size).toBe(3);
  const seen = new Set<string>();
  consume(["q"], seen);
  await until(() => seen.size === itemCount);
  for (const node of order.slice(0, -1).toReversed()) await node.start();
  await until(() => seen.size === stored);
});

test("also when the home is only draining: it takes nothing, and others stand in", async () => {
  const home = homeOf("q");
  await using session = await home.client();
  await session.line("status readonly");
  const places = await putAll(["q"], "draining");
  expect(places).not.toContain(home.address);
  await session.line("status up");
  const seen = new Set<string>();
  consume(["q"], seen);
  await until(() => seen.size === itemCount);
});
