// Hashed queues whose items are not all at home.

import { afterEach, expect, test } from "vitest";
import { ClusterFixture, codeOf, range } from "../testing/cluster-fixture.ts";
import { FakeKestrel } from "../testing/fake-kestrel.ts";
import { until } from "../testing/until.ts";

const toEnd: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function start(length: number, options = {}): Promise<ClusterFixture> {
  const fixture = await ClusterFixture.start(length, { strategy: "hash", ...options });
  toEnd.push(fixture);
  return fixture;
}

test("a consumer drains what was put on stand-ins while the home was down, and nobody has to do anything", async () => {
  const fixture = await start(3);
  const { client, nodes } = fixture;
  const home = fixture.homeOf("q");
  home.add("q", ...range(50).map((text) => `before ${text}`));
  await home.stop();
  for (const text of range(500)) await client.put("q", `during ${text}`);
  await home.start();
  await until(() => client.nodes().every(({ state }) => state === "up"));
  for (const text of range(50)) await client.put("q", `after ${text}`);
  const seen = new Set<string>();
  client.consume("q", (item) => seen.add(item.text()), { concurrency: 2 });
  await until(() => seen.size === 600);
  await until(() => fixture.left("q").length + fixture.openLength("q") === 0);
  expect(nodes.reduce((sum, node) => sum + node.confirmed.length, 0)).toBe(600);
});

test("a consumer that was there all the time finds them too, also those that others put while it noticed nothing", async () => {
  const fixture = await start(3);
  const { client } = fixture;
  const home = fixture.homeOf("q");
  const seen: string[] = [];
  client.consume("q", (item) => seen.push(item.text()));
  await until(() => home.waitersLength("q") === 1);
  // As if another producer had found the home down.
  const standIn = fixture.nodes.find((node) => node !== home)!;
  standIn.add("q", ...range(40));
  home.add("q", "at home");
  await until(() => seen.length === 41);
  expect(standIn.items("q")).toEqual([]);
});

test("a get looks elsewhere before it says that there is nothing, and doesn't create the queue there", async () => {
  const fixture = await start(3);
  const home = fixture.homeOf("q");
  const [standIn, other] = fixture.nodes.filter((node) => node !== home);
  standIn!.add("q", "a", "b");
  expect((await fixture.client.get("q"))!.text()).toBe("a");
  expect((await fixture.client.get("q"))!.text()).toBe("b");
  expect(await fixture.client.get("q")).toBeNull();
  expect(other!.queues.has("q")).toBe(false);
});

test("strays and the home take turns, so that neither has to wait for the other to run dry", async () => {
  const fixture = await start(2);
  const home = fixture.homeOf("q");
  const standIn = fixture.nodes.find((node) => node !== home)!;
  home.add("q", ...range(500));
  standIn.add("q", ...range(500));
  const seen: string[] = [];
  fixture.client.consume("q", (item) => seen.push(item.node));
  await until(() => seen.length === 1_000);
  expect(new Set(seen.slice(0, 400)).size).toBe(2);
});

test("stand-ins that are down don't make an empty home unsure", async () => {
  const fixture = await start(2);
  const standIn = fixture.nodes.find((node) => node !== fixture.homeOf("q"))!;
  await standIn.stop();
  expect(await fixture.client.get("q")).toBeNull();
  expect(await fixture.client.get("q", { wait: 30 })).toBeNull();
});

test("a node that is let in takes over its share, and its queues' former homes are read until they are empty", async () => {
  const fixture = await start(2);
  const { client } = fixture;
  const queues = range(40).map((text) => `queue-${text}`);
  for (const queue of queues) await client.put(queue, "old");
  const newcomer = await FakeKestrel.start();
  toEnd.push(newcomer);
  const id = client.addNode(newcomer.address);
  expect(id).toBe(newcomer.address);
  const moved = queues.filter((queue) => client.nodeFor(queue) === id);
  expect(moved.length).toBeGreaterThan(3);
  expect(moved.length).toBeLessThan(25);
  for (const queue of moved) {
    expect(await client.put(queue, "new")).toMatchObject({ node: id });
    const texts = [await client.get(queue), await client.get(queue)].map((item) => item?.text());
    expect(texts.toSorted()).toEqual(["new", "old"]);
    expect(await client.get(queue)).toBeNull();
  }
});

test("an idle consumer asks for strays rarely, and not at all once it has stopped", async () => {
  const fixture = await ClusterFixture.start(2, {
    strategy: "hash",
    search: { minMs: 20, maxMs: 10_000, factor: 10 },
  });
  toEnd.push(fixture);
  const standIn = fixture.nodes.find((node) => node !== fixture.homeOf("q"))!;
  const consumer = fixture.client.consume("q", () => {});
  await until(() => standIn.log.filter((line) => line === "dump_stats q").length >= 2);
  await consumer.stop();
  const asked = standIn.log.length;
  expect(asked).toBeLessThan(6);
  expect(await codeOf(fixture.client.put("other", "x"))).toContain("resolved");
  // One question may have been on its way.
  expect(standIn.log.filter((line) => line === "dump_stats q").length).toBeLessThanOrEqual(asked + 1);
});

test("a fanout is at home where its parent is, and read where others may stand in for that", async () => {
  const fixture = await start(3);
  const { client, nodes } = fixture;
  for (const queue of range(20).map((text) => `orders-${text}`)) {
    expect(client.nodeFor(`${queue}+audit`)).toBe(client.nodeFor(queue));
    expect(await client.get(`${queue}+audit`)).toBeNull();
    for (const { queues } of nodes) expect([...queues.keys()]).toContain(`${queue}+audit`);
  }
});

test("strays on one node are found although another one doesn't answer", async () => {
  const fixture = await start(3, { timeoutMs: 50_000 });
  const home = fixture.homeOf("q");
  const [standIn, frozen] = fixture.nodes.filter((node) => node !== home);
  frozen!.pause();
  standIn!.add("q", ...range(20));
  const seen: string[] = [];
  fixture.client.consume("q", (item) => seen.push(item.text()));
  await until(() => seen.length === 20);
  frozen!.resume();
});
