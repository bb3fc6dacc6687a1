import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminNode } from "../testing/admin-node.ts";

let node: AdminNode;
beforeEach(async () => {
  node = await AdminNode.start({ queues: [["jobs", { maxItems: 5 }]] });
});
afterEach(() => node.stop());

interface Items {
  length: number;
  isRestInFile: boolean;
  items: { id: number; size: number; isCut: boolean; text?: string; base64?: string }[];
}

test("the list of queues", async () => {
  expect(await node.json("/queues")).toEqual({ queues: [] });
  await node.clients.put("b", "four");
  await node.clients.put("a", "x");
  const opened = (await node.clients.open("b"))!;
  const { queues } = await node.json<{ queues: object[] }>("/queues");
  expect(queues).toEqual([
    {
      name: "b",
      items: 0,
      bytes: 0,
      putRate: 0,
      getRate: 0,
      oldestAtMs: null,
      openReads: 1,
      waiters: 0,
      memoryBytes: 0,
      journalBytes: 0,
      totalItems: 1,
      getHits: 1,
      getMisses: 0,
      expired: 0,
      discarded: 0,
      createdAtMs: node.clock.now(),
    },
    expect.objectContaining({ name: "a", items: 1, bytes: 1, oldestAtMs: node.clock.now() }),
  ]);
  opened.abort();
});

test("a long list comes whole", async () => {
  for (let index = 0; index < 3000; index++) node.host.queues.obtain(`queue-${index}`);
  const { queues } = await node.json<{ queues: { name: string }[] }>("/queues");
  expect(queues.map(({ name }) => name)).toEqual(node.clients.names());
});

test("one queue with its statistics, settings and latencies", async () => {
  await node.clients.put("jobs", "x");
  node.host.queues.obtain("jobs+audit");
  const queue = await node.json<Record<string, Record<string, unknown>>>("/queues/jobs");
  expect(queue).toMatchObject({
    name: "jobs",
    fanouts: ["jobs+audit"],
    statistics: { items: 1, total_items: 1, children: "jobs+audit" },
    settings: { maxItems: "5", maxSize: "none" },
    latencies: {
      set_latency_usec: { total: { count: 1 }, lastMinute: null },
      get_hit_latency_usec: { total: null },
    },
  });
});

test("the items at the head, left where they are", async () => {
  for (const text of ["one", "two", "three"]) await node.clients.put("jobs", text);
  const all = await node.json<Items>("/queues/jobs/items");
  expect(all).toMatchObject({ length: 3, isRestInFile: false });
  expect(all.items.map(({ text }) => text)).toEqual(["one", "two", "three"]);
  const two = await node.json<Items>("/queues/jobs/items?first=2&bytes=2");
  expect(two.items).toMatchObject([
    { id: 1, size: 3, isCut: true, text: "on" },
    { id: 2, size: 3, isCut: true, text: "tw" },
  ]);
  expect((await node.json<Items>("/queues/jobs/items?first=0")).items).toEqual([]);
  expect((await node.clients.get("jobs"))!.data.toString()).toBe("one");
});

test("data that is no text comes in base64; text is not cut inside a character", async () => {
  const data = [
    Buffer.from([0xff, 0x00, 0xfe]),
    Buffer.from("a€😀"),
    Buffer.alloc(0),
    Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80]),
  ];
  for (const bytes of data) await node.clients.put("jobs", bytes);
  const { items } = await node.json<Items>("/queues/jobs/items");
  expect(items.map(({ base64, text }) => base64 ?? text)).toEqual(["/wD+", "a€😀", "", "gICAgIA="]);
  const cut = async (bytes: number): Promise<unknown> =>
    (await node.json<Items>(`/queues/jobs/items?bytes=${bytes}`)).items[1]!.text;
  expect([await cut(1), await cut(2), await cut(3), await cut(4), await cut(7), await cut(8)]).toEqual([
    "a",
    "a",
    "a",
    "a€",
    "a€",
    "a€😀",
  ]);
});

test("what lies at the head of a queue is shown within 640 KB", async () => {
  for (let i = 0; i < 5; i++) await node.clients.put("jobs", "x".repeat(65_536));
  const lengths = async (query: string): Promise<number[]> =>
    (await node.json<Items>(`/queues/jobs/items?${query}`)).items.map(({ text }) => text!.length);
  expect(await lengths("bytes=65536")).toEqual(Array(5).fill(65_536));
  expect(await lengths("first=100&bytes=65536")).toEqual(Array(5).fill(6553));
});

test.each(["first=101", "first=-1", "first=1e1", "first=x", "bytes=70000", "first="])(
  "items with %s are refused",
  async (query) => {
    await node.clients.put("jobs", "x");
    expect(await node.get(`/queues/jobs/items?${query}`)).toMatchObject({ status: 400 });
  },
);

test("the history grows, and can be asked for from where one is", async () => {
  interface Answer {
    pointMs: number;
    from: number;
    end: number;
    series: Record<string, (number | null)[]>;
  }
  await node.clients.put("jobs", "x");
  expect((await node.json<Answer>("/queues/jobs/history")).series.items).toEqual([]);
  node.clock.advance(15_000);
  const first = await node.json<Answer>("/queues/jobs/history");
  expect(first.pointMs).toBe(5000);
  expect(first.series.items).toEqual([1, 1, 1]);
  expect(Object.values(first.series).every((values) => values.length === 3)).toBe(true);
  node.clock.advance(5000);
  const next = await node.json<Answer>(`/queues/jobs/history?from=${first.end}`);
  expect(next).toMatchObject({ from: first.end, end: first.end + 1, series: { items: [1] } });
  expect((await node.json<Answer>(`/queues/jobs/history?from=${next.end + 50}`)).series.items).toEqual([]);
  const server = await node.json<Answer>("/history");
  expect(server.series.items).toEqual([1, 1, 1, 1]);
  expect(await node.get("/queues/jobs/history?from=x")).toMatchObject({ status: 400 });
});
