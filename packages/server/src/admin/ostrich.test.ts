import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminNode } from "../testing/admin-node.ts";

let node: AdminNode;
beforeEach(async () => {
  node = await AdminNode.start({ queues: [["jobs", { maxItems: 50 }]] });
  node.clock.advance(60_000 - (node.clock.now() % 60_000));
});
afterEach(() => node.stop());

interface Stats {
  counters: Record<string, number>;
  gauges: Record<string, number>;
  labels: Record<string, string>;
  metrics: Record<string, Record<string, number>>;
}

const distribution = [
  "average",
  "count",
  "maximum",
  "minimum",
  "p50",
  "p90",
  "p95",
  "p99",
  "p999",
  "p9999",
  "sum",
];

test("Kestrel's names in Ostrich's shape", async () => {
  await node.clients.put("jobs", "four");
  await node.clients.put("jobs", "four");
  await node.clients.get("jobs");
  await node.clients.get("empty");
  node.clock.advance(1500);
  const stats = await node.json<Stats>("/stats.json");
  expect(Object.keys(stats)).toEqual(["counters", "gauges", "labels", "metrics"]);
  expect(stats.counters).toMatchObject({
    cmd_set: 2,
    cmd_get: 2,
    get_hits: 1,
    get_misses: 1,
    total_items: 2,
    queue_creates: 2,
    "q/jobs/total_items": 2,
    "q/jobs/put_items": 2,
    "q/jobs/put_bytes": 8,
    "q/jobs/get_items_hit": 1,
    "q/empty/get_items_miss": 1,
    "q/jobs/transactions": 0,
    "q/jobs/expired_items": 0,
    "q/jobs/discarded": 0,
    "q/jobs/total_flushes": 0,
    "q/jobs/journal_rotations": 0,
  });
  expect(stats.gauges).toMatchObject({
    items: 1,
    bytes: 4,
    connections: 0,
    "q/jobs/items": 1,
    "q/jobs/bytes": 4,
    "q/jobs/max_items": 50,
    "q/jobs/mem_items": 1,
    "q/jobs/mem_bytes": 4,
    "q/jobs/journal_size": 0,
    "q/jobs/age_msec": 0,
    "q/jobs/waiters": 0,
    "q/jobs/open_transactions": 0,
    "q/empty/items": 0,
  });
  expect(stats.labels).toMatchObject({ version: expect.stringMatching(/^3\./), "kestrel/status": "UP" });
  expect(Object.keys(stats.metrics.set_latency_usec!).sort()).toEqual(distribution);
  expect(stats.metrics["q/jobs/set_latency_usec"]).toMatchObject({ count: 2 });
  expect(stats.metrics.delivery_latency_msec).toMatchObject({ count: 1, maximum: 0 });
  expect(stats.metrics.get_miss_latency_usec).toEqual({ count: 0 });
});

test("an alias tells what was put into it since the start", async () => {
  await using aliased = await AdminNode.start({
    aliases: [
      ["all", ["jobs", "audit"]],
      ["audit", ["jobs"]],
    ],
  });
  await aliased.clients.put("all", "four");
  const { counters, gauges } = await aliased.json<Stats>("/stats.json");
  expect(counters).toMatchObject({
    "q/all/put_items": 1,
    "q/all/put_bytes": 4,
    "q/audit/put_items": 1,
    "q/jobs/put_items": 2,
  });
  expect(gauges["q/all/create_time"]).toBe(Math.floor(aliased.clock.now() / 1000));
  expect(gauges).not.toHaveProperty(["q/all/items"]);
  const minute = await aliased.json<Stats>("/stats.json?period=60");
  expect(minute.counters).not.toHaveProperty(["q/all/put_items"]);
});

/** What Kestrel's cluster tool does with an answer: adds up the gauges and counters of each queue. */
function asKclusterReads(stats: Stats): Map<string, Map<string, number>> {
  const data = new Map<string, Map<string, number>>();
  for (const [key, value] of [...Object.entries(stats.gauges), ...Object.entries(stats.counters)]) {
    const parts = key.split("/");
    if (parts[0] !== "q") continue;
    const sums = data.get(parts.at(-1)!) ?? new Map<string, number>();
    sums.set(parts.at(-2)!, (sums.get(parts.at(-2)!) ?? 0) + value);
    data.set(parts.at(-1)!, sums);
  }
  return data;
}

test("Kestrel's cluster tool can read it", async () => {
  await node.clients.put("orders", "four");
  node.host.queues.obtain("orders+audit");
  await node.clients.put("orders", "four");
  node.clock.advance(60_000);
  const data = asKclusterReads(await node.json<Stats>("/stats.json?period=60"));
  expect(data.get("items")).toEqual(
    new Map([
      ["orders", 2],
      ["orders+audit", 1],
    ]),
  );
  expect(data.get("mem_bytes")).toEqual(
    new Map([
      ["orders", 8],
      ["orders+audit", 4],
    ]),
  );
  expect(data.get("total_items")).toEqual(
    new Map([
      ["orders", 2],
      ["orders+audit", 1],
    ]),
  );
  expect(data.get("age_msec")).toEqual(
    new Map([
      ["orders", 0],
      ["orders+audit", 0],
    ]),
  );
});

test("period=60 tells of the last whole minute, gauges of now", async () => {
  await node.clients.put("jobs", "x");
  node.clock.advance(30_000);
  const during = await node.json<Stats>("/stats.json?period=60");
  expect(during.counters).toMatchObject({ total_items: 0, cmd_set: 0, "q/jobs/total_items": 0 });
  expect(during.gauges["q/jobs/items"]).toBe(1);
  node.clock.advance(30_000);
  await node.clients.put("jobs", "x");
  const after = await node.json<Stats>("/stats.json?period=60");
  expect(after.counters).toMatchObject({ total_items: 1, cmd_set: 1, "q/jobs/total_items": 1 });
  expect(after.gauges["q/jobs/items"]).toBe(2);
  expect(after.metrics["q/jobs/set_latency_usec"]).toMatchObject({ count: 1 });
  node.clock.advance(120_000);
  const later = await node.json<Stats>("/stats.json?period=60");
  expect(later.counters.total_items).toBe(0);
  expect(later.metrics).not.toHaveProperty("q/jobs/set_latency_usec");
  expect(await node.get("/stats.json?period=10")).toMatchObject({ status: 400 });
});

test("the same as text", async () => {
  await node.clients.put("jobs", "four");
  const { text, headers } = await node.get("/stats.txt");
  expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
  expect(text).toMatch(/^counters:\n {2}bytes_read: 0\n/);
  expect(text).toContain("gauges:\n  items: 1\n  bytes: 4\n");
  expect(text).toContain("  q/jobs/items: 1\n");
  expect(text).toContain("labels:\n  version: 3.");
  expect(text).toMatch(/ {2}q\/jobs\/set_latency_usec: \(average=\d+, count=1, maximum=\d+, .*sum=\d+\)\n/);
  expect(text).toContain("  delivery_latency_msec: (count=0)\n");
});
