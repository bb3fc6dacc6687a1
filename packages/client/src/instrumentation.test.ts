// Somebody else's code around puts and handlers.

import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, expect, test } from "vitest";
import type { KestrelClusterClient } from "./cluster-client.ts";
import type { Instrumentation } from "./instrumentation.ts";
import { ClusterFixture, range } from "./testing/cluster-fixture.ts";
import { until } from "./testing/until.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(instrument: Instrumentation, options = {}): Promise<ClusterFixture> {
  const fixture = await ClusterFixture.start(1, { instrument, ...options });
  toEnd.push(fixture);
  return fixture;
}

function failures(client: KestrelClusterClient): string[] {
  const log: string[] = [];
  client.on("item:failed", ({ item, action, error }) => log.push(`${item.text()} ${action} ${error}`));
  return log;
}

test("is told of each put, may pass on other data, and gives the outcome", async () => {
  const calls: string[] = [];
  const { client, nodes } = await start(
    {
      put: async (call, next) => {
        calls.push(`${call.queue} ${call.key} ${call.data}`);
        return next({ ...call, data: Buffer.concat([Buffer.from("> "), call.data]) });
      },
    },
    { namespace: "n" },
  );
  expect(await client.put("q", "a", { key: "k" })).toMatchObject({ stored: true });
  expect((await client.putMany("q", ["b", "c"])).map(({ stored }) => stored)).toEqual([true, true]);
  expect(calls).toEqual(["q k a", "q undefined b", "q undefined c"]);
  expect(nodes[0]!.items("n:q")).toEqual(["> a", "> b", "> c"]);
});

test("leaves the order of puts as it is", async () => {
  const { client, nodes } = await start({ put: (call, next) => next(call) });
  await Promise.all(range(100).map((text) => client.put("q", text)));
  expect(nodes[0]!.items("q")).toEqual(range(100));
});

test("is told of what a put rejects with", async () => {
  const codes: unknown[] = [];
  const put: Instrumentation["put"] = (call, next) =>
    next(call).catch((error: { code: string }) => {
      codes.push(error.code);
      throw error;
    });
  const { client, nodes } = await start({ put });
  await nodes[0]!.stop();
  await expect(client.put("q", "a")).rejects.toMatchObject({ code: "no-node" });
  expect(codes).toEqual(["no-node"]);
});

test("calls the handler in its own context", async () => {
  const context = new AsyncLocalStorage<string>();
  const { client, nodes } = await start({ handle: (item, next) => context.run(`for ${item.text()}`, next) });
  nodes[0]!.add("q", "a", "b");
  const seen: unknown[] = [];
  client.consume("q", async () => {
    await undefined;
    seen.push(context.getStore());
  });
  await until(() => nodes[0]!.confirmed.length === 2);
  expect(seen).toEqual(["for a", "for b"]);
});

test("sees the handler fail, and can't hide it", async () => {
  const errors: unknown[] = [];
  const handle: Instrumentation["handle"] = (_item, next) =>
    next().catch((error: unknown) => void errors.push(error));
  const { client, nodes } = await start({ handle });
  const log = failures(client);
  nodes[0]!.add("q", "a");
  client.consume("q", () => Promise.reject("no"), { onFailure: { maxAttempts: 2, backoff: { minMs: 1 } } });
  await until(() => nodes[0]!.confirmed.length === 2);
  expect(errors).toEqual(["no", "no"]);
  expect(log).toEqual(["a retry no", "a drop no"]);
});

test("that doesn't call the handler loses no item", async () => {
  const { client, nodes } = await start({ handle: async () => {} });
  const log = failures(client);
  nodes[0]!.add("q", "a");
  const consumer = client.consume("q", () => {});
  await until(() => log.length > 0);
  await consumer.stop();
  expect(log[0]).toContain("a abort KestrelClientError: the instrumentation has not called the handler");
  expect(nodes[0]!.items("q")).toEqual(["a"]);
});

test("calls the handler once, however often it asks for it", async () => {
  const { client, nodes } = await start({
    handle: (_item, next) => Promise.all([next(), next()]).then(() => {}),
  });
  nodes[0]!.add("q", "a");
  let times = 0;
  client.consume("q", () => void times++);
  await until(() => nodes[0]!.confirmed.length === 1);
  expect(times).toBe(1);
});
