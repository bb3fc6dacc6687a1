/** What a node tells of itself over a plain socket, and how it starts and stops. */

import { expect, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";

const serverStats =
  "uptime time version curr_items total_items bytes reserved_memory_ratio curr_connections total_connections " +
  "cmd_get cmd_set cmd_peek get_hits get_misses bytes_read bytes_written queue_creates queue_deletes queue_expires";
const queueStats =
  "items bytes total_items logsize expired_items mem_items mem_bytes age discarded waiters open_transactions " +
  "transactions canceled_transactions total_flushes journal_rewrites journal_rotations create_time";

test("stats has every name of the server and of each queue, with true figures", async () => {
  await using node = await KestrelNode.start();
  await using client = await node.client();
  await client.put("jobs", "abc");
  await client.put("jobs", "defgh");
  await client.get("jobs/open");
  await client.get("jobs/peek");
  await client.get("nothing");

  const stats = await client.stats();
  expect([...stats.keys()]).toEqual(expect.arrayContaining(serverStats.split(" ")));
  expect([...stats.keys()]).toEqual(
    expect.arrayContaining(queueStats.split(" ").map((name) => `queue_jobs_${name}`)),
  );
  const expected = {
    curr_items: "1",
    total_items: "2",
    bytes: "5",
    curr_connections: "1",
    cmd_set: "2",
    cmd_peek: "1",
    queue_creates: "2",
    queue_jobs_items: "1",
    queue_jobs_total_items: "2",
    queue_jobs_open_transactions: "1",
  };
  expect(Object.fromEntries(stats)).toMatchObject(expected);
  expect(stats.get("version")).toMatch(/^3\./);
});

test("dump_stats shows each queue, or those that are named", async () => {
  await using node = await KestrelNode.start();
  await using client = await node.client();
  await client.put("one", "abc");
  await client.put("two", "abc");
  const all = await client.lines("dump_stats");
  expect(all.filter((line) => line.startsWith("queue "))).toEqual(["queue 'one' {", "queue 'two' {"]);
  expect(all).toContain("  items=1");
  expect(all.filter((line) => line === "}")).toHaveLength(2);
  const two = await client.lines("dump_stats two");
  expect(two[0]).toBe("queue 'two' {");
  expect(two.filter((line) => line.startsWith("queue "))).toHaveLength(1);
});

test("a clean stop keeps everything; open items come back first", async () => {
  await using node = await KestrelNode.start();
  const client = await node.client();
  for (const text of ["1", "2", "3", "4"]) await client.put("q", text, 7);
  await client.get("q");
  await client.get("q/open");
  expect(await node.stop()).toEqual({ code: 0, signal: null });

  await node.start();
  await using again = await node.client();
  const texts: string[] = [];
  for (let i = 0; i < 3; i++) {
    const value = await again.get("q");
    texts.push(`${value?.data} ${value?.flags}`);
  }
  expect(texts).toEqual(["2 7", "3 7", "4 7"]);
  expect(await again.get("q")).toBeNull();
});

test("shutdown closes the connection and stops the node cleanly", async () => {
  await using node = await KestrelNode.start();
  await using session = await node.connect();
  session.send("set q 0 0 1\r\na\r\nshutdown\r\n");
  await session.expect("STORED\r\n");
  await session.expectClose();
  expect(await node.ended()).toEqual({ code: 0, signal: null });
});

test("the log goes to standard error as lines of JSON", async () => {
  await using node = await KestrelNode.start();
  await node.stop();
  expect(node.log.length).toBeGreaterThan(0);
  for (const line of node.log)
    expect(line).toMatchObject({ level: expect.any(Number), msg: expect.any(String) });
});
