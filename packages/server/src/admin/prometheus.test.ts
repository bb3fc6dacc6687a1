import parsePrometheusTextFormat from "parse-prometheus-text-format";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminNode } from "../testing/admin-node.ts";

let node: AdminNode;
beforeEach(async () => {
  node = await AdminNode.start({}, 3);
});
afterEach(() => node.stop());

interface Family {
  name: string;
  help: string;
  type: string;
  metrics: {
    value?: string;
    labels?: Record<string, string>;
    buckets?: Record<string, string>;
    count?: string;
    sum?: string;
  }[];
}

/** Reads it with a parser of others, and checks by the rules of the format what that lets pass. */
async function scrape(): Promise<Map<string, Family>> {
  const { status, headers, text } = await node.get("/metrics");
  expect(status).toBe(200);
  expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(text.endsWith("\n")).toBe(true);
  const seen = new Set<string>();
  let family = "";
  for (const line of text.split("\n")) {
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) family = type[1]!;
    if (line === "" || line.startsWith("#")) continue;
    const sample =
      /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (NaN|[+-]?Inf|[+-]?[\d.]+(?:e[+-]?\d+)?)$/.exec(
        line,
      );
    expect(sample, line).not.toBeNull();
    expect(sample![1]!.startsWith(family), `${line} in ${family}`).toBe(true);
    const series = `${sample![1]}${sample![2] ?? ""}`;
    expect(seen.has(series), `${series} twice`).toBe(false);
    seen.add(series);
  }
  const families = parsePrometheusTextFormat(text) as Family[];
  for (const { name, help, type } of families) {
    expect(help, name).not.toBe("");
    expect(name.endsWith("_total"), name).toBe(type === "COUNTER");
  }
  return new Map(families.map((each) => [each.name, each]));
}

test("an empty node", async () => {
  const families = await scrape();
  expect(families.get("kestrel_items")!.metrics).toEqual([{ value: "0" }]);
  expect(families.get("kestrel_status")!.metrics).toContainEqual({ value: "1", labels: { status: "up" } });
  expect(Number(families.get("process_resident_memory_bytes")!.metrics[0]!.value)).toBeGreaterThan(1e6);
});

test("queues, counters, and durations in seconds", async () => {
  await node.clients.put("jobs", "four");
  await node.clients.put("jobs", "four");
  await node.clients.get("jobs");
  const families = await scrape();
  const ofJobs = (name: string): number =>
    Number(families.get(name)!.metrics.find(({ labels }) => labels?.queue === "jobs")!.value);
  expect(ofJobs("kestrel_queue_items")).toBe(1);
  expect(ofJobs("kestrel_queue_bytes")).toBe(4);
  expect(ofJobs("kestrel_queue_put_items_total")).toBe(2);
  expect(ofJobs("kestrel_queue_put_bytes_total")).toBe(8);
  expect(ofJobs("kestrel_queue_get_items_total")).toBe(1);
  expect(ofJobs("kestrel_queue_oldest_item_timestamp_seconds")).toBe(node.clock.now() / 1000);
  const [duration] = families.get("kestrel_put_duration_seconds")!.metrics;
  expect(duration).toMatchObject({ count: "2", buckets: { "1": "2", "+Inf": "2" } });
  expect(Number(duration!.sum)).toBeLessThan(1);
  expect(families.get("kestrel_queue_put_duration_seconds")!.metrics).toMatchObject([
    { labels: { queue: "jobs" }, count: "2" },
  ]);
  node.clock.advance(60_000);
  await scrape();
  const { text } = await node.get("/metrics");
  expect(text).toMatch(/^kestrel_queue_put_duration_seconds\{queue="jobs",quantile="0.99"\} [\d.e-]+$/m);
  expect(text).toContain('kestrel_queue_put_duration_seconds_count{queue="jobs"} 2\n');
});

test("names of queues are escaped", async () => {
  const name = 'a"b\\c{d}=,e';
  await node.clients.put(name, "x");
  const families = await scrape();
  expect(families.get("kestrel_queue_items")!.metrics).toHaveLength(1);
  expect((await node.get("/metrics")).text).toContain('kestrel_queue_items{queue="a\\"b\\\\c{d}=,e"} 1');
});

test("only so many queues are listed, the oldest, and the rest is told", async () => {
  for (const name of ["a", "b", "c", "d", "e"]) await node.clients.put(name, "x");
  const families = await scrape();
  const listed = families.get("kestrel_queue_items")!.metrics.map(({ labels }) => labels!.queue);
  expect(listed).toEqual(["a", "b", "c"]);
  expect(families.get("kestrel_queues_omitted")!.metrics).toEqual([{ value: "2" }]);
  expect(families.get("kestrel_queues")!.metrics).toEqual([{ value: "5" }]);
});

test("scrapes at the same time get the same, later ones get something new", async () => {
  const [one, other] = await Promise.all([node.get("/metrics"), node.get("/metrics")]);
  expect(one.text).toBe(other.text);
  await node.clients.put("jobs", "x");
  expect((await node.get("/metrics")).text).toContain('kestrel_queue_items{queue="jobs"} 1');
});
