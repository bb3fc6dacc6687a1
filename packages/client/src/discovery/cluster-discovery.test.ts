// A client whose nodes DNS knows.

import { afterEach, expect, test } from "vitest";
import { KestrelClusterClient } from "../cluster-client.ts";
import type { ClusterOptions } from "../options.ts";
import { codeOf } from "../testing/cluster-fixture.ts";
import { dnsError, FakeDns, srvRecord } from "../testing/fake-dns.ts";
import { FakeKestrel } from "../testing/fake-kestrel.ts";
import { until } from "../testing/until.ts";

const NAME = "_memcache._tcp.example";
const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function startNode(): Promise<FakeKestrel> {
  const node = await FakeKestrel.start();
  toEnd.push(node);
  return node;
}

function connect(dns: FakeDns, options: Partial<ClusterOptions> = {}): KestrelClusterClient {
  const client = new KestrelClusterClient({
    servers: [`dns+srv://${NAME}`],
    discovery: { refreshMs: 10, resolver: dns },
    ...options,
  });
  toEnd.push(client);
  return client;
}

const at = (node: FakeKestrel) => srvRecord("127.0.0.1", node.port);

test("the first calls wait for the first answer, and keep their order", async () => {
  const node = await startNode();
  const dns = new FakeDns();
  let answer = (): void => {};
  dns.resolveSrv = () => new Promise((resolve) => (answer = () => resolve([at(node)])));
  const client = connect(dns);
  const { signal } = new AbortController();
  const puts = [client.put("q", "a", { signal }), client.put("q", "b"), client.put("q", "c", { signal })];
  const ending = new AbortController();
  const aborted = codeOf(client.get("q", { signal: ending.signal }));
  ending.abort();
  expect(await aborted).toBe("aborted");
  expect(client.nodes()).toEqual([]);
  expect(client.nodeFor("q")).toBeUndefined();
  answer();
  await Promise.all(puts);
  expect(node.items("q")).toEqual(["a", "b", "c"]);
  expect(client.nodeFor("q")).toBe(node.address);
});

test("without nodes puts and reads are rejected; those that wait go on when there are some", async () => {
  const node = await startNode();
  const dns = new FakeDns();
  const client = connect(dns);
  const errors: string[] = [];
  client.on("discovery:error", ({ server, error }) => errors.push(`${server}: ${error.message}`));
  expect(await codeOf(client.put("q", "a"))).toBe("no-node");
  expect(await codeOf(client.get("q"))).toBe("node-down");
  expect(await codeOf(client.get("q", { wait: 5 }))).toBe("node-down");
  expect(await client.get("q", { partial: "empty" })).toBeNull();
  expect(errors[0]).toBe(`dns+srv://${NAME}: DNS knows no nodes for ${NAME}`);
  const got = client.get("q", { wait: 60_000 });
  const put = client.put("r", "a", { wait: 60_000 });
  const seen: string[] = [];
  client.consume(["s", "t"], (item) => seen.push(item.text()));
  node.add("q", "there");
  node.add("t", "too");
  dns.srv.set(NAME, [at(node)]);
  expect((await got)?.text()).toBe("there");
  expect(await put).toMatchObject({ stored: true, node: node.address });
  await until(() => seen.length === 1);
});

test("a node that vanishes is read empty and its open item may be confirmed; plain ones stay", async () => {
  const [plain, leaving, other] = [await startNode(), await startNode(), await startNode()];
  const dns = new FakeDns();
  dns.srv.set(NAME, [at(leaving)]);
  const client = connect(dns, { servers: [`dns+srv://${NAME}`, plain.address] });
  await client.discovered();
  leaving.add("q", "open");
  const item = await client.open("q");
  leaving.add("q", "left");
  dns.srv.set(NAME, [at(other)]);
  await until(() => client.nodes().every(({ id }) => id !== leaving.address));
  expect((await client.get("q", { wait: 60_000 }))?.text()).toBe("left");
  let isRemoved = false;
  client.on("node:removed", ({ node, isEmpty }) => (isRemoved = node === leaving.address && isEmpty));
  await item!.confirm();
  expect(await codeOf(client.get("q"))).toBe("resolved with null");
  await until(() => isRemoved);
  expect(leaving.confirmed.toSorted()).toEqual(["left", "open"]);
  expect(client.nodes().map(({ id }) => id)).toEqual([plain.address, other.address]);
  dns.srv.set(NAME, dnsError("ESERVFAIL"));
  const { lookups } = dns;
  await until(() => dns.lookups > lookups + 2);
  expect(client.nodes()).toHaveLength(2);
});

test("a closed client looks nothing up, and doesn't wait for nodes on their way out", async () => {
  const [leaving, other] = [await startNode(), await startNode()];
  const dns = new FakeDns();
  dns.srv.set(NAME, [at(leaving)]);
  const client = connect(dns);
  leaving.add("q", "open");
  await client.open("q");
  dns.srv.set(NAME, [at(other)]);
  await until(() => client.nodes()[0]?.id === other.address);
  await client.close();
  expect(dns.isCancelled).toBe(true);
  const { lookups } = dns;
  await until(() => leaving.items("q").length === 1);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(dns.lookups).toBe(lookups);
});
