/** Nodes in the server sets of a real ZooKeeper: how they come in and go out, and what its outages do to them: nothing. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KestrelServer, type KestrelServerOptions } from "@kestrel-mq/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FlakyProxy } from "./client/flaky-proxy.ts";
import { AsciiClient } from "./harness/ascii-client.ts";
import { findFreePort } from "./harness/free-port.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { TempFolder } from "./harness/temp-folder.ts";
import { ZookeeperReader } from "./harness/zookeeper-reader.ts";
import { ZookeeperServer } from "./harness/zookeeper-server.ts";

const sessionTimeoutMs = 2_000;
const patience = { timeout: 40_000, interval: 20 };
const openAcl = [{ scheme: "world", id: "anyone", permissions: "cdrwa" }];

describe.skipIf(!ZookeeperServer.isInstalled())("a node in ZooKeeper", () => {
  let zookeeper: ZookeeperServer;
  let reader: ZookeeperReader;
  const toEnd: AsyncDisposable[] = [];

  beforeEach(async () => {
    zookeeper = await ZookeeperServer.start();
    toEnd.push(zookeeper);
    reader = await openReader();
  });

  afterEach(async () => {
    zookeeper.resume();
    for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  });

  async function openReader(): Promise<ZookeeperReader> {
    const opened = await ZookeeperReader.open(zookeeper.address);
    toEnd.push(opened);
    return opened;
  }

  function settings(): NonNullable<KestrelServerOptions["zookeeper"]> {
    return {
      servers: [{ host: "127.0.0.1", port: zookeeper.port }],
      pathPrefix: "/kestrel/test",
      sessionTimeoutMs,
      advertise: "10.1.2.3",
      credentials: null,
      acl: openAcl,
    };
  }

  async function startNode(options: KestrelServerOptions = {}): Promise<KestrelServer> {
    const node = await KestrelServer.start({
      queuePath: null,
      memcachePort: 0,
      zookeeper: settings(),
      ...options,
    });
    toEnd.push(node);
    return node;
  }

  const countIn = async (set: "read" | "write"): Promise<number> =>
    (await reader.list(`/kestrel/test/${set}`)).length;
  const counts = async (): Promise<number[]> => [await countIn("read"), await countIn("write")];

  /** Notes the most entries that were seen at once in a set, until the function it gives back is called. */
  function watchForDoubles(): () => Promise<number> {
    let most = 0;
    let isOver = false;
    const watching = (async () => {
      while (!isOver) {
        most = Math.max(most, ...(await counts()));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    })();
    return async () => {
      isOver = true;
      await watching;
      return most;
    };
  }

  test("is in both sets, byte for byte as Kestrel wrote it, and out of them when it stops", async () => {
    const node = await startNode({ thriftPort: 0, textPort: 0 });
    const { memcache, thrift, text } = node.listeners;
    await expect.poll(counts, patience).toEqual([1, 1]);
    const expected =
      `{"serviceEndpoint":{"host":"10.1.2.3","port":${memcache!.port}},"additionalEndpoints":{` +
      `"memcache":{"host":"10.1.2.3","port":${memcache!.port}},` +
      `"thrift":{"host":"10.1.2.3","port":${thrift!.port}},` +
      `"text":{"host":"10.1.2.3","port":${text!.port}}},"status":"ALIVE"}`;
    for (const set of ["read", "write"]) {
      expect(await reader.members(`/kestrel/test/${set}`)).toEqual([expected]);
      expect((await reader.list(`/kestrel/test/${set}`))[0]).toMatch(/^member_\d{10}$/);
    }
    await node.stop();
    expect(await counts()).toEqual([0, 0]);
  });

  test("goes out of its sets before a stricter status holds, and back in after a looser one does", async () => {
    const node = await startNode();
    await expect.poll(counts, patience).toEqual([1, 1]);
    const seen: [string, number[]][] = [];
    let observing: Promise<unknown> = Promise.resolve();
    let before = node.status.enforced;
    node.status.onChange(({ enforced }) => {
      if (enforced === before) return;
      before = enforced;
      observing = observing.then(async () => seen.push([enforced, await counts()]));
    });
    const client = await AsciiClient.connect(node.listeners.memcache!.port);
    toEnd.push(client);
    expect(await client.line("status readonly")).toBe("END");
    await expect.poll(() => node.status.enforced, patience).toBe("read-only");
    await observing;
    expect(seen).toEqual([["read-only", [1, 0]]]);
    node.status.announce("quiescent");
    await expect.poll(() => node.status.enforced, patience).toBe("quiescent");
    await observing;
    expect(seen[1]).toEqual(["quiescent", [0, 0]]);
    node.status.announce("write-avoid");
    expect(node.status.enforced).toBe("write-avoid");
    await expect.poll(counts, patience).toEqual([1, 0]);
    node.status.announce("up");
    await expect.poll(counts, patience).toEqual([1, 1]);
  });

  test("keeps the grace period after it has gone out", async () => {
    const node = await startNode({ statusChangeGracePeriodMs: 300 });
    await expect.poll(counts, patience).toEqual([1, 1]);
    let readOnlyAt = 0;
    node.status.onChange(({ enforced }) => {
      if (enforced === "read-only") readOnlyAt = performance.now();
    });
    node.status.announce("read-only");
    await expect.poll(() => countIn("write"), { ...patience, interval: 5 }).toBe(0);
    expect(node.status.takesWrites).toBe(true);
    await expect.poll(() => readOnlyAt, patience).toBeGreaterThan(0);
  });

  test("that is killed is gone with its session, and is there once when it comes back", async () => {
    const folder = await TempFolder.create();
    toEnd.push(folder);
    const file = join(folder.path, "kestrel.json");
    const { servers: _, sessionTimeoutMs: __, acl: ___, ...others } = settings();
    const section = { ...others, host: zookeeper.address, sessionTimeout: "2s" };
    await writeFile(file, JSON.stringify({ zookeeper: section }));
    const node = await KestrelNode.start({ isRestarted: true, flags: ["--config", file] });
    toEnd.push(node);
    await expect.poll(counts, patience).toEqual([1, 1]);
    await node.kill();
    await expect.poll(counts, patience).toEqual([0, 0]);
    await node.start();
    await expect.poll(counts, patience).toEqual([1, 1]);
    expect(JSON.parse((await reader.members("/kestrel/test/write"))[0]!).serviceEndpoint).toEqual({
      host: "10.1.2.3",
      port: node.port,
    });
    expect(await node.stop()).toMatchObject({ code: 0 });
    expect(await counts()).toEqual([0, 0]);
  });

  test("comes back when somebody has deleted its entry", async () => {
    await startNode();
    await expect.poll(counts, patience).toEqual([1, 1]);
    for (const set of ["write", "read", "write"] as const) {
      const [name] = await reader.list(`/kestrel/test/${set}`);
      await reader.remove(`/kestrel/test/${set}/${name}`);
      await expect.poll(() => reader.list(`/kestrel/test/${set}`), patience).not.toEqual([name]);
      await expect.poll(counts, patience).toEqual([1, 1]);
    }
  });

  test("without rights there serves, says so, and comes in when it has them", async () => {
    await reader.makeFolder("/kestrel");
    await reader.write("/kestrel/test", "");
    const node = await startNode({
      zookeeper: { ...settings(), acl: [{ scheme: "digest", id: "somebody:else", permissions: "r" }] },
      adminPort: 0,
    });
    const status = async (): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${node.listeners.admin!.port}/status`);
      return ((await answer.json()) as { zookeeper: unknown }).zookeeper;
    };
    await expect
      .poll(status, patience)
      .toEqual({ connected: true, sets: [], problem: expect.stringContaining("NO_AUTH") });
    // A tightening isn't held up by what can't be undone.
    node.status.announce("read-only");
    expect(node.status.enforced).toBe("read-only");
    const client = await AsciiClient.connect(node.listeners.memcache!.port);
    toEnd.push(client);
    expect(await client.get("q")).toBeNull();
  });

  test("with credentials leaves what only it may change", async () => {
    const node = await startNode({
      zookeeper: {
        ...settings(),
        credentials: { username: "kestrel", password: "secret" },
        acl: [
          { scheme: "world", id: "anyone", permissions: "r" },
          { scheme: "auth", id: "", permissions: "cdrwa" },
        ],
      },
    });
    await expect.poll(counts, patience).toEqual([1, 1]);
    const [name] = await reader.list("/kestrel/test/read");
    await expect(reader.remove(`/kestrel/test/read/${name}`)).rejects.toMatchObject({ name: "NO_AUTH" });
    node.status.announce("quiescent");
    await expect.poll(counts, patience).toEqual([0, 0]);
  });

  describe("while ZooKeeper", () => {
    async function works(node: KestrelServer): Promise<void> {
      const client = await AsciiClient.connect(node.listeners.memcache!.port);
      expect(await client.put("work", "item")).toBe("STORED");
      expect((await client.get("work"))?.data.toString()).toBe("item");
      await client[Symbol.asyncDispose]();
    }

    test("isn't there yet, serves; is announced when it comes", async () => {
      await zookeeper.kill();
      const node = await startNode({ adminPort: 0 });
      await works(node);
      const url = `http://127.0.0.1:${node.listeners.admin!.port}/metrics`;
      const metrics = async (): Promise<string[]> =>
        (await (await fetch(url)).text()).split("\n").filter((line) => line.startsWith("kestrel_zookeeper"));
      expect(await metrics()).toEqual([
        "kestrel_zookeeper_connected 0",
        'kestrel_zookeeper_member{set="read"} 0',
        'kestrel_zookeeper_member{set="write"} 0',
      ]);
      await zookeeper.start();
      reader = await openReader();
      await expect
        .poll(metrics, patience)
        .toEqual([
          "kestrel_zookeeper_connected 1",
          'kestrel_zookeeper_member{set="read"} 1',
          'kestrel_zookeeper_member{set="write"} 1',
        ]);
      expect(await counts()).toEqual([1, 1]);
    });

    test("is away and comes back with its data, serves, and is there once all the time", async () => {
      const node = await startNode();
      await expect.poll(counts, patience).toEqual([1, 1]);
      await zookeeper.kill();
      await works(node);
      await zookeeper.start();
      reader = await openReader();
      const most = watchForDoubles();
      await expect.poll(counts, patience).toEqual([1, 1]);
      node.status.announce("read-only");
      await expect.poll(counts, patience).toEqual([1, 0]);
      expect(await most()).toBe(1);
    });

    test("has lost its data, comes in anew", async () => {
      const node = await startNode();
      await expect.poll(counts, patience).toEqual([1, 1]);
      await zookeeper.kill();
      await zookeeper.forget();
      await works(node);
      await zookeeper.start();
      reader = await openReader();
      await expect.poll(counts, patience).toEqual([1, 1]);
    });

    test("stands still past the session's time, serves, and is there once afterwards", async () => {
      const node = await startNode({ adminPort: 0 });
      await expect.poll(counts, patience).toEqual([1, 1]);
      const isConnected = async (): Promise<boolean> => {
        const answer = await fetch(`http://127.0.0.1:${node.listeners.admin!.port}/status`);
        return ((await answer.json()) as { zookeeper: { connected: boolean } }).zookeeper.connected;
      };
      zookeeper.pause();
      await expect.poll(isConnected, patience).toBe(false);
      await works(node);
      node.status.announce("read-only");
      // ZooKeeper can't be told; when the session must have expired, that is no longer waited for.
      await expect.poll(() => node.status.enforced, patience).toBe("read-only");
      node.status.announce("up");
      zookeeper.resume();
      await expect.poll(isConnected, patience).toBe(true);
      const most = watchForDoubles();
      await expect.poll(counts, patience).toEqual([1, 1]);
      expect(await most()).toBe(1);
    });

    test("can't be reached from the node alone, the node serves, and is there once when the way is free again", async () => {
      const port = await findFreePort();
      const proxy = await FlakyProxy.start(zookeeper.port, port);
      toEnd.push(proxy);
      const node = await startNode({
        zookeeper: { ...settings(), servers: [{ host: "127.0.0.1", port }] },
      });
      await expect.poll(counts, patience).toEqual([1, 1]);
      proxy.fallSilent();
      // ZooKeeper has heard nothing of the node for too long.
      await expect.poll(counts, patience).toEqual([0, 0]);
      await works(node);
      node.status.announce("read-only");
      await expect.poll(() => node.status.enforced, patience).toBe("read-only");
      const most = watchForDoubles();
      proxy.pass();
      await expect.poll(counts, patience).toEqual([1, 0]);
      node.status.announce("up");
      await expect.poll(counts, patience).toEqual([1, 1]);
      expect(await most()).toBe(1);
    });

    test("stands still, stops all the same", async () => {
      const node = await startNode();
      await expect.poll(counts, patience).toEqual([1, 1]);
      zookeeper.pause();
      await node.stop();
    });
  });
});

test("a node that nobody could reach is not announced: it doesn't start", async () => {
  const folder = await TempFolder.create();
  const file = join(folder.path, "kestrel.json");
  await writeFile(file, JSON.stringify({ zookeeper: { host: "127.0.0.1", pathPrefix: "/kestrel" } }));
  const node = await KestrelNode.prepare({ flags: ["--config", file] });
  try {
    expect(await node.runToEnd()).toMatchObject({ code: 1 });
    expect(node.log.map(({ msg }) => msg).join("\n")).toMatch(
      /zookeeper: the node listens on 127.0.0.1.*zookeeper.advertise/,
    );
  } finally {
    await node[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  }
});
