import { afterEach, beforeEach, expect, test } from "vitest";
import type { Queue } from "../queue/queue.ts";
import { EmbeddedQueues } from "../session/embedded-queues.ts";
import type { SessionHost } from "../session/session.ts";
import { Counters } from "../stats/counters.ts";
import { TestNode } from "../testing/node.ts";
import { Metrics } from "./metrics.ts";
import { Timings } from "./timings.ts";

let node: TestNode;
let metrics: Metrics;
let clients: EmbeddedQueues;

async function start(detailedMax = 1000): Promise<void> {
  node = await TestNode.start();
  const { queues, clock, turn } = node;
  const parts = { queues, clock, counters: new Counters(clock.now()), timings: new Timings() };
  clients = new EmbeddedQueues({ ...parts, turn } as unknown as SessionHost);
  metrics = Metrics.start({ ...parts, detailedMax });
}

beforeEach(() => start());
afterEach(async () => {
  metrics.stop();
  await node.stop();
});

const queue = (name: string): Queue => node.queue(name);

test("a put is measured, of the server and of its queue", async () => {
  await clients.put("jobs", "x");
  const { details } = metrics.find(queue("jobs"))!;
  for (const latencies of [details!.latencies, metrics.server.details!.latencies]) {
    expect(latencies.summary("set_latency_usec", false)).toMatchObject({ count: 1 });
    expect(latencies.summary("get_hit_latency_usec", false)).toBeNull();
  }
  expect(metrics.buckets.set_latency_usec.cumulative().at(-1)).toBe(1);
});

test("rates are those of the last seconds", async () => {
  for (let index = 0; index < 30; index++) await clients.put("jobs", "x");
  for (let index = 0; index < 10; index++) await clients.get("jobs");
  node.clock.advance(5000);
  const meter = metrics.find(queue("jobs"))!;
  expect(meter.putRate.perSecond).toBe(6);
  expect(meter.getRate.perSecond).toBe(2);
  expect(metrics.server.putRate.perSecond).toBe(6);
  node.clock.advance(5000);
  expect(meter.putRate.perSecond).toBe(0);
});

test("the last whole minute", async () => {
  node.clock.advance(60_000 - (node.clock.now() % 60_000));
  await clients.put("jobs", "four");
  await clients.get("none");
  const lastMinute = (name: string): number => {
    const names = ["total_items", "put_items", "put_bytes", "get_items_hit", "get_items_miss"];
    return metrics.find(queue("jobs"))!.counts.lastMinute[names.indexOf(name)]!;
  };
  node.clock.advance(59_000);
  expect(lastMinute("total_items")).toBe(0);
  node.clock.advance(1000);
  expect(lastMinute("total_items")).toBe(1);
  expect(lastMinute("put_bytes")).toBe(4);
  const { latencies } = metrics.find(queue("jobs"))!.details!;
  expect(latencies.summary("set_latency_usec", true)).toMatchObject({ count: 1 });
  node.clock.advance(60_000);
  expect(lastMinute("total_items")).toBe(0);
  expect(latencies.summary("set_latency_usec", true)).toBeNull();
});

test("a point of the history every five seconds", async () => {
  await clients.put("jobs", "x");
  node.clock.advance(20_000);
  const { history } = metrics.find(queue("jobs"))!.details!;
  const first = history.firstFrom(0);
  expect(history.series("items", first)).toEqual([1, 1, 1, 1]);
  expect(history.series("puts", first)[0]).toBeGreaterThan(0);
  expect(history.series("setP50Micros", first)[0]).toBeGreaterThanOrEqual(0);
  expect(history.series("setP50Micros", first).slice(1)).toEqual([null, null, null]);
  const oldest = history.series("oldestMs", first) as number[];
  expect(oldest[3]! - oldest[0]!).toBe(15_000);
});

test("queues that nobody uses cost nothing, deleted ones are forgotten", async () => {
  node.queues.obtain("idle");
  await clients.put("used", "x");
  node.clock.advance(1000);
  expect(metrics.find(queue("idle"))).toBeUndefined();
  const used = queue("used");
  expect(metrics.find(used)).toBeDefined();
  clients.delete("used");
  node.clock.advance(1000);
  expect(metrics.find(used)).toBeUndefined();
});

test("only so many queues have details; the idle give theirs up, and who is looked at gets some", async () => {
  metrics.stop();
  await node.stop();
  await start(2);
  for (const name of ["a", "b", "c"]) await clients.put(name, "x");
  node.clock.advance(10_000);
  const detailed = (): string[] => ["a", "b", "c"].filter((name) => metrics.find(queue(name))?.details);
  expect(detailed()).toEqual(["a", "b"]);
  node.clock.advance(600_000);
  await clients.put("b", "x");
  await clients.put("c", "x");
  node.clock.advance(10_000);
  expect(detailed()).toEqual(["b", "c"]);
  metrics.watch(queue("a"));
  expect(detailed()).toContain("a");
  expect(detailed()).toHaveLength(2);
});

test("delivery is how long an item had waited", async () => {
  await clients.put("jobs", "x");
  node.clock.advance(1234);
  metrics.noteDelivery(queue("jobs"), 1234, 1);
  expect(
    metrics.find(queue("jobs"))!.details!.latencies.summary("delivery_latency_msec", false),
  ).toMatchObject({
    count: 1,
    average: 1234,
  });
});
