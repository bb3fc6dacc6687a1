/** Real nodes that come and go in DNS while a producer and a consumer are at work: nothing is lost or doubled. */
import { KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";
import { expect, test } from "vitest";

const name = "_memcache._tcp.kestrel.example";
const none = async (): Promise<never[]> => [];

test("a cluster that grows and shrinks in DNS", async () => {
  const servers = await Promise.all(
    [1, 2, 3].map(() => KestrelServer.start({ queuePath: null, memcachePort: 0 })),
  );
  const records = servers.map((server) => ({
    name: "127.0.0.1",
    port: server.listeners.memcache!.port,
    priority: 0,
    weight: 33,
  }));
  const ids = records.map(({ port }) => `127.0.0.1:${port}`);
  let known: typeof records = [];
  const client = new KestrelClusterClient({
    servers: [`dns+srv://${name}`],
    discovery: {
      refreshMs: 20,
      resolver: { resolveSrv: async () => known, resolve4: none, resolve6: none },
    },
  });
  try {
    const seen: string[] = [];
    const nodes = new Set<string>();
    const consumer = client.consume("jobs", (item) => seen.push(item.text()), { concurrency: 4 });
    const sent: string[] = [];
    const putSome = async (): Promise<void> => {
      const items = Array.from({ length: 30 }, (_, index) => `${sent.length + index}`);
      sent.push(...items);
      for (const outcome of await client.putMany("jobs", items, { wait: 30_000 })) {
        if (outcome.stored === true) nodes.add(outcome.node);
        else throw new Error(`not stored: ${JSON.stringify(outcome)}`);
      }
    };
    const first = putSome();
    for (const next of [records.slice(0, 2), records.slice(1), records]) {
      known = next;
      const wanted = ids.filter((_, index) => next.includes(records[index]!));
      const isThere = () => client.nodes().map(({ id }) => id);
      await expect.poll(isThere, { timeout: 30_000 }).toEqual(expect.arrayContaining(wanted));
      await expect.poll(isThere, { timeout: 30_000 }).toHaveLength(wanted.length);
      nodes.clear();
      await putSome();
      expect([...nodes].toSorted()).toEqual(wanted.toSorted());
    }
    await first;
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBe(sent.length);
    expect(seen.toSorted()).toEqual(sent.toSorted());
    await consumer.stop();
  } finally {
    await client.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
});
