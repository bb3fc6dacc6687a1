/**
 * Producers and consumers over three real nodes that are killed, frozen, cut off, slowed down and brought back at
 * random. What was reported stored is handled; twice only where a confirm was lost; nothing hangs; nothing is left
 * open. CLIENT_SOAK_MS lengthens it, CLIENT_SOAK_SEED repeats its choices.
 */

import { type KestrelClientError, KestrelClusterClient, type StrategyName } from "@kestrel-mq/client";
import { expect, test } from "vitest";
import { Random } from "../crash/random.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { FlakyProxy } from "./flaky-proxy.ts";

const soakMs = Number(process.env.CLIENT_SOAK_MS ?? 6_000);
const producerCount = 20;
const consumerCount = 20;
const queues = Array.from({ length: 5 }, (_, index) => `queue-${index}`);

interface Place {
  readonly node: KestrelNode;
  readonly proxy: FlakyProxy;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(50);
}

/** One thing that goes wrong at one place, and is put right again. */
async function disturb({ node, proxy }: Place, random: Random): Promise<void> {
  const ms = random.whole(50, 800);
  switch (random.whole(1, 6)) {
    case 1:
      await node.kill();
      await pause(ms);
      await node.start();
      break;
    case 2:
      process.kill(node.pid, "SIGSTOP");
      await pause(ms);
      process.kill(node.pid, "SIGCONT");
      break;
    case 3:
      proxy.fallSilent();
      await pause(ms);
      proxy.pass();
      break;
    case 4:
      proxy.delay(random.whole(1, 100));
      await pause(ms);
      proxy.pass();
      break;
    case 5:
      proxy.resetAll();
      break;
    default:
      proxy.halfCloseAll();
  }
}

test.each<StrategyName>(["round-robin", "hash"])(
  "under %s, everything reported stored is handled, whatever happens to the nodes",
  async (strategy) => {
    const random = Random.announced("CLIENT_SOAK_SEED");
    const places: Place[] = [];
    for (let index = 0; index < 3; index++) {
      const node = await KestrelNode.start({ isRestarted: true });
      places.push({ node, proxy: await FlakyProxy.start(node.port) });
    }
    const options = {
      servers: places.map(({ proxy }) => proxy.address),
      strategy,
      timeoutMs: 400,
      connectTimeoutMs: 400,
      retry: { minMs: 20, maxMs: 300 },
      search: { minMs: 100, maxMs: 500 },
    };
    const producing = new KestrelClusterClient(options);
    const consuming = new KestrelClusterClient(options);
    try {
      const stored = new Set<string>();
      const doubtful = new Set<string>();
      const seen = new Map<string, number>();
      let unconfirmed = 0;
      consuming.on("item:unconfirmed", () => unconfirmed++);
      for (const queue of queues) {
        consuming.consume(queue, (item) => void seen.set(item.text(), (seen.get(item.text()) ?? 0) + 1), {
          concurrency: consumerCount / queues.length,
        });
      }

      const endsAt = performance.now() + soakMs;
      const producers = Array.from({ length: producerCount }, async (_, producer) => {
        for (let count = 0; performance.now() < endsAt; count++) {
          const text = `${producer}-${count}`;
          const queue = queues[count % queues.length]!;
          try {
            if ((await producing.put(queue, text, { wait: 200 })).stored) stored.add(text);
          } catch (error) {
            const { code } = error as KestrelClientError;
            expect(["unknown", "no-node", "unavailable"]).toContain(code);
            if (code === "unknown") doubtful.add(text);
          }
        }
      });
      const disturbances = places.map(async (place) => {
        while (performance.now() < endsAt) {
          await disturb(place, random);
          await pause(random.whole(100, 1_000));
        }
      });
      await Promise.all([...producers, ...disturbances]);
      await until(() => [...stored].every((text) => seen.has(text)));
      // What was doubtful may still be on its way; then everything is quiet.
      const length = seen.size;
      await pause(100);
      expect([...seen.keys()].filter((text) => !stored.has(text) && !doubtful.has(text))).toEqual([]);
      const doubled = [...seen.values()].reduce((sum, times) => sum + times - 1, 0);
      console.log(
        `${strategy}: ${stored.size} stored, ${doubtful.size} doubtful, ${length} handled, ` +
          `${doubled} twice, ${unconfirmed} unconfirmed`,
      );
      expect(doubled).toBeLessThanOrEqual(unconfirmed);
      expect(stored.size).toBeGreaterThan(100);
      await Promise.all([producing.close(), consuming.close()]);
      await until(() => places.every(({ proxy }) => proxy.connections === 0));
    } finally {
      await Promise.all([producing.close(), consuming.close()]);
      for (const { node, proxy } of places) {
        await proxy[Symbol.asyncDispose]();
        await node[Symbol.asyncDispose]();
      }
    }
  },
  60_000 + 4 * soakMs,
);
