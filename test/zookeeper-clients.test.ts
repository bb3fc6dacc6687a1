/** Clients that find their nodes in a real ZooKeeper: nodes come, drain, go and die, and ZooKeeper does too. */

import { execFile } from "node:child_process";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type ClusterEvents, type ClusterOptions, KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { TempFolder } from "./harness/temp-folder.ts";
import { ZookeeperReader } from "./harness/zookeeper-reader.ts";
import { ZookeeperServer } from "./harness/zookeeper-server.ts";

const patience = { timeout: 40_000, interval: 20 };
const pathPrefix = "/kestrel/test";
const sessionTimeoutMs = 2_000;
const zookeeperPackage: string = fileURLToPath(new URL("../packages/zookeeper", import.meta.url));

test("without node-zookeeper-client it is said what to install", async () => {
  await using folder = await TempFolder.create();
  for (const name of ["package.json", "dist"]) {
    await cp(join(zookeeperPackage, name), join(folder.path, name), { recursive: true });
  }
  const program =
    'import { loadZookeeper } from "./dist/index.js"; await loadZookeeper({}).catch((e) => console.log(e.message));';
  const args = ["--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder.path });
  expect(stdout).toContain("npm install node-zookeeper-client");
});

describe.skipIf(!ZookeeperServer.isInstalled())("a client with nodes in ZooKeeper", () => {
  let zookeeper: ZookeeperServer;
  const toEnd: AsyncDisposable[] = [];

  beforeEach(async () => {
    zookeeper = await ZookeeperServer.start();
    toEnd.push(zookeeper);
  });

  afterEach(async () => {
    zookeeper.resume();
    for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
  });

  async function startNode(): Promise<KestrelServer> {
    const node = await KestrelServer.start({
      queuePath: null,
      memcachePort: 0,
      thriftPort: 0,
      zookeeper: {
        servers: [{ host: "127.0.0.1", port: zookeeper.port }],
        pathPrefix,
        sessionTimeoutMs,
        advertise: "127.0.0.1",
        credentials: null,
        acl: [{ scheme: "world", id: "anyone", permissions: "cdrwa" }],
      },
    });
    toEnd.push(node);
    return node;
  }

  const idOf = (node: KestrelServer): string => `127.0.0.1:${node.listeners.memcache!.port}`;

  function connect(options: Partial<ClusterOptions> = {}): KestrelClusterClient {
    const client = new KestrelClusterClient({
      servers: [`zk://${zookeeper.address}${pathPrefix}`],
      discovery: { sessionTimeoutMs },
      ...options,
    });
    toEnd.push(client);
    return client;
  }

  /** The nodes that the client knows, and of those the ones that it puts to, when it has heard of them. */
  async function nodesOf(client: KestrelClusterClient): Promise<{ all: string[]; puts: string[] }> {
    const { nodes } = await client.health();
    const ids = (some: typeof nodes): string[] => some.map(({ node }) => node).toSorted();
    return { all: ids(nodes), puts: ids(nodes.filter(({ takesPuts }) => takesPuts)) };
  }

  const sorted = (...nodes: KestrelServer[]): string[] => nodes.map(idOf).toSorted();

  test("follows nodes that come, take no puts, go and come back; no item is lost or comes twice", async () => {
    const nodes = [await startNode(), await startNode()];
    const [first, second] = nodes as [KestrelServer, KestrelServer];
    const client = connect();
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(...nodes), puts: sorted(...nodes) });

    const stored: string[] = [];
    let isOver = false;
    const places = new Set<string>();
    const producing = (async () => {
      while (!isOver) {
        const text = `${stored.length}`;
        const outcome = await client.put("work", text, { wait: 30_000 });
        if (outcome.stored !== true) throw new Error("not stored");
        places.add(outcome.node);
        stored.push(text);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    const seen: string[] = [];
    const consumer = client.consume("work", (item) => seen.push(item.text()), { concurrency: 4 });
    const refusals: unknown[] = [];
    client.on("node:down", (event) => refusals.push(event));

    const third = await startNode();
    await expect.poll(() => nodesOf(client), patience).toMatchObject({ all: sorted(first, second, third) });
    places.clear();
    await expect.poll(() => places.size, patience).toBe(3);

    first.status.announce("read-only");
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(first, second, third), puts: sorted(second, third) });
    const before = stored.length;
    places.clear();
    await expect.poll(() => stored.length, patience).toBeGreaterThan(before + 50);
    expect([...places].toSorted()).toEqual(sorted(second, third));

    first.status.announce("quiescent");
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(second, third), puts: sorted(second, third) });
    first.status.announce("up");
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(first, second, third), puts: sorted(first, second, third) });
    places.clear();
    await expect.poll(() => places.size, patience).toBe(3);

    isOver = true;
    await producing;
    await expect.poll(() => seen.length, patience).toBe(stored.length);
    expect(seen.toSorted()).toEqual(stored.toSorted());
    expect(refusals).toEqual([]);
    await consumer.stop();
  });

  test("reads what is left on a node that takes no puts", async () => {
    const [leaving, other] = [await startNode(), await startNode()];
    const client = connect();
    await expect.poll(async () => (await nodesOf(client)).puts, patience).toEqual(sorted(leaving, other));
    await client.putMany(
      "work",
      Array.from({ length: 100 }, (_, index) => `${index}`),
    );
    leaving.status.announce("read-only");
    await expect.poll(async () => (await nodesOf(client)).puts, patience).toEqual(sorted(other));
    const items = await client.getMany("work", 100);
    expect(items).toHaveLength(100);
    expect(new Set(items.map(({ node }) => node)).size).toBe(2);
  });

  test("forgets a node that was killed when its session is over", async () => {
    const folder = await TempFolder.create();
    toEnd.push(folder);
    const file = join(folder.path, "kestrel.json");
    const section = { host: zookeeper.address, pathPrefix, sessionTimeout: "2s", advertise: "127.0.0.1" };
    await writeFile(file, JSON.stringify({ zookeeper: section }));
    const killed = await KestrelNode.start({ flags: ["--config", file] });
    toEnd.push(killed);
    const other = await startNode();
    const client = connect();
    await expect.poll(async () => (await nodesOf(client)).all, patience).toHaveLength(2);
    await killed.kill();
    await expect.poll(async () => (await nodesOf(client)).all, patience).toEqual(sorted(other));
  });

  test("keeps the nodes it knows through every outage of ZooKeeper, and follows again afterwards", async () => {
    const nodes = [await startNode(), await startNode()];
    const client = connect();
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(...nodes), puts: sorted(...nodes) });
    const changes: string[] = [];
    client.on("node:removed", ({ node }) => changes.push(`-${node}`));
    client.on("node:added", ({ node }) => changes.push(`+${node}`));
    const errors: ClusterEvents["discovery:error"][0][] = [];
    client.on("discovery:error", (event) => errors.push(event));
    const works = async (): Promise<void> => {
      const outcomes = await client.putMany("work", ["a", "b", "c", "d"]);
      expect(outcomes.every(({ stored }) => stored === true)).toBe(true);
      expect(await client.getMany("work", 4)).toHaveLength(4);
      expect((await nodesOf(client)).all).toEqual(sorted(...nodes));
    };

    zookeeper.pause();
    await expect.poll(() => errors.length, patience).toBeGreaterThan(0);
    await works();
    zookeeper.resume();

    await zookeeper.kill();
    const { length } = errors;
    await expect.poll(() => errors.length, patience).toBeGreaterThan(length + 1);
    await works();
    await zookeeper.start();
    const third = await startNode();
    nodes.push(third);
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(...nodes), puts: sorted(...nodes) });

    await zookeeper.kill();
    await zookeeper.forget();
    await works();
    await zookeeper.start();
    await works();
    const reader = await ZookeeperReader.open(zookeeper.address);
    toEnd.push(reader);
    await expect.poll(() => reader.list(`${pathPrefix}/write`), patience).toHaveLength(3);
    await works();
    const fourth = await startNode();
    nodes.push(fourth);
    await expect
      .poll(() => nodesOf(client), patience)
      .toEqual({ all: sorted(...nodes), puts: sorted(...nodes) });
    expect(changes).toEqual([`+${idOf(third)}`, `+${idOf(fourth)}`]);
    expect(errors[0]!.server).toBe(`zk://${zookeeper.address}${pathPrefix}`);
  });

  test("starts without ZooKeeper and without nodes, and works as soon as there are both", async () => {
    await zookeeper.kill();
    const client = connect();
    const got = client.get("work", { wait: 60_000 });
    const put = client.put("work", "at last", { wait: 60_000 });
    const node = await startNode();
    await zookeeper.start();
    expect(await put).toEqual({ stored: true, node: idOf(node) });
    expect((await got)?.text()).toBe("at last");
  });

  test("takes the endpoint of its transport, and calls the nodes as everybody does", async () => {
    const nodes = [await startNode(), await startNode()];
    const client = connect({ transport: "thrift" });
    await expect.poll(async () => (await nodesOf(client)).puts, patience).toEqual(sorted(...nodes));
    const ports = client.nodes().map(({ port }) => port);
    expect(ports.toSorted()).toEqual(nodes.map(({ listeners }) => listeners.thrift!.port).toSorted());
    await client.put("work", "by thrift");
    expect((await client.get("work"))?.text()).toBe("by thrift");
  });

  test("leaves out what makes no sense, says so once, and doesn't mind what it doesn't know", async () => {
    const node = await startNode();
    const reader = await ZookeeperReader.open(zookeeper.address);
    toEnd.push(reader);
    const client = connect();
    const errors: string[] = [];
    client.on("discovery:error", ({ error }) => errors.push(error.message));
    await expect.poll(async () => (await nodesOf(client)).puts, patience).toEqual(sorted(node));
    errors.length = 0;
    const other = await KestrelServer.start({ queuePath: null, memcachePort: 0 });
    toEnd.push(other);
    const { port } = other.listeners.memcache!;
    const endpoint = { host: "127.0.0.1", port };
    await reader.write(`${pathPrefix}/read/member_0000000100`, "{not JSON");
    await reader.write(`${pathPrefix}/read/member_0000000101`, '{"serviceEndpoint":{"host":"127.0.0.1"}}');
    await reader.write(`${pathPrefix}/read/lock_0000000102`, "{not JSON");
    const foreign = {
      serviceEndpoint: { ...endpoint, inet: "127.0.0.1" },
      additionalEndpoints: {},
      status: "ALIVE",
      shard: 7,
      metadata: { zone: "a" },
    };
    for (const set of ["read", "write"]) {
      await reader.write(`${pathPrefix}/${set}/member_0000000103`, JSON.stringify(foreign));
    }
    await expect.poll(async () => (await nodesOf(client)).puts, patience).toEqual(sorted(node, other));
    expect(errors.toSorted()).toEqual([
      expect.stringContaining(`${pathPrefix}/read/member_0000000100: `),
      `${pathPrefix}/read/member_0000000101: serviceEndpoint has no port`,
    ]);
  });

  test("ends its session when it is closed, and the process with it", async () => {
    const node = await startNode();
    const kq = fileURLToPath(new URL("../packages/cli/bin/kq.js", import.meta.url));
    const servers = `zk://${zookeeper.address}${pathPrefix}`;
    const run = async (...args: string[]): Promise<string> =>
      (await promisify(execFile)(process.execPath, [kq, ...args, "--servers", servers])).stdout;
    await expect.poll(async () => await run("status").catch(() => ""), patience).toBe(`${idOf(node)}\tUP\n`);
    await run("put", "work", "hello");
    expect(await run("get", "work")).toBe("hello\n");
    const elsewhere = ["status", "--servers", "zk://us:secret@127.0.0.1:1/kestrel"];
    const { stderr } = await promisify(execFile)(process.execPath, [kq, ...elsewhere]).catch(
      (error) => error,
    );
    expect(stderr).toContain("kq: zk://127.0.0.1:1/kestrel: 127.0.0.1:1: connect ECONNREFUSED");
    expect(stderr).not.toContain("secret");
    zookeeper.pause();
    const client = connect();
    await client.close();
  });
});
