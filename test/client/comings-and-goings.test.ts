/** Nodes that don't exist yet, come, and go, while producers and consumers are at work; real ones, in processes. */

import { KestrelClusterClient, type PutOutcome, type StrategyName } from "@kestrel-mq/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";

const strategies: StrategyName[] = ["round-robin", "hash"];
const retry = { minMs: 20, maxMs: 500 };
/** There to end a hang: so much is done here that a loaded machine takes its time. */
vi.setConfig({ testTimeout: 240_000 });

const toEnd: AsyncDisposable[] = [];
let nodes: KestrelNode[];

/** Not started yet. */
beforeEach(async () => {
  nodes = await Promise.all([0, 1, 2].map(() => KestrelNode.prepare({ isRestarted: true })));
  toEnd.push(...nodes);
});

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

function createClient(of: KestrelNode[], strategy: StrategyName): KestrelClusterClient {
  const client = new KestrelClusterClient({ servers: of.map(({ address }) => address), strategy, retry });
  toEnd.push(client);
  return client;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Puts one item after the other until it is ended. */
class Producer {
  readonly stored = new Map<string, string>();
  readonly #done: Promise<void>;
  #isEnding = false;

  constructor(client: KestrelClusterClient, queueCount: number) {
    const work = async (worker: number): Promise<void> => {
      for (let count = 0; !this.#isEnding; count++) {
        const text = `${worker}-${count}`;
        const outcome: PutOutcome = await client.put(`q-${count % queueCount}`, text, { wait: 30_000 });
        if (outcome.stored) this.stored.set(text, outcome.node);
      }
    };
    this.#done = Promise.all([work(0), work(1), work(2), work(3)]).then(() => {});
  }

  /** The part of the last so many items that went to a node. */
  shareOf(node: string, last: number): number {
    return [...this.stored.values()].slice(-last).filter((each) => each === node).length / last;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#done;
  }
}

describe.each(strategies)("under %s", (strategy) => {
  test("whoever was there before any node works as soon as one is", async () => {
    const client = createClient(nodes, strategy);
    const seen: string[] = [];
    client.consume("consumed", (item) => seen.push(item.text()), { concurrency: 4 });
    const looped = (async () => {
      for await (const item of client.items("looped")) return item.text();
      return undefined;
    })();
    const got = client.get("got", { wait: 50_000 });
    const puts = ["consumed", "looped", "got"].map((queue) => client.put(queue, queue, { wait: 50_000 }));
    await until(() => client.nodes().every(({ state }) => state === "down"));
    await nodes[1]!.start();
    expect(await Promise.all(puts)).toMatchObject(
      puts.map(() => ({ stored: true, node: nodes[1]!.address })),
    );
    await until(() => seen.length === 1);
    expect(await looped).toBe("looped");
    expect((await got)!.text()).toBe("got");
  });

  test("a node that is added under load takes its share; one that is removed loses nothing", async () => {
    const queueCount = 60;
    const [first, second, third] = nodes as [KestrelNode, KestrelNode, KestrelNode];
    await Promise.all([first.start(), second.start()]);
    const client = createClient([first, second], strategy);
    const seen = new Map<string, string>();
    const queues = Array.from({ length: queueCount }, (_, index) => `q-${index}`);
    const consumers = queues.map((queue) =>
      client.consume(queue, (item) => void seen.set(item.text(), item.node)),
    );
    const producer = new Producer(client, queueCount);
    await until(() => seen.size > 500);
    await third.start();
    client.addNode(third.address);
    const homes = queues.filter((queue) => client.nodeFor(queue) === third.address).length;
    const share = strategy === "hash" ? homes / queueCount : 1 / 3;
    await until(() => producer.shareOf(third.address, 600) > share / 2);
    await until(() => [...seen.values()].includes(third.address));

    // A backlog on the one that is to go.
    await Promise.all(consumers.map((consumer) => consumer.stop()));
    const before = producer.stored.size;
    await until(() => producer.stored.size > before + 1_000);
    for (const queue of queues) client.consume(queue, (item) => void seen.set(item.text(), item.node));
    expect(await client.removeNode(first.address)).toEqual({ isEmpty: true });
    await producer.end();
    await first.stop();
    await until(() => [...producer.stored.keys()].every((text) => seen.has(text)));
    expect(producer.shareOf(first.address, 100)).toBe(0);
  });
});

test("a node that was removed while it was down has its items still, for when it is added again", async () => {
  await Promise.all(nodes.map((node) => node.start()));
  const client = createClient(nodes, "round-robin");
  const outcomes = await Promise.all(Array.from({ length: 30 }, (_, index) => client.put("q", `${index}`)));
  const seen = new Set<string>();
  const [victim] = nodes as [KestrelNode];
  await victim.kill();
  client.consume("q", (item) => seen.add(item.text()));
  await until(() => seen.size === 20);
  expect(await client.removeNode(victim.address)).toEqual({ isEmpty: false });
  await victim.start();
  client.addNode(victim.address);
  await until(() => seen.size === outcomes.length);
});
