// Following nodes in a ZooKeeper that does what the test says.

import { ZookeeperError } from "@kestrel-mq/zookeeper";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeZookeeper } from "../../../zookeeper/src/testing/fake-zookeeper.ts";
import type { News } from "./source.ts";
import { parseZookeeperServer } from "./zookeeper-server.ts";
import { ZookeeperSource } from "./zookeeper-source.ts";

let zookeeper: FakeZookeeper;
let source: ZookeeperSource | undefined;
let told: News[];

beforeEach(() => {
  vi.useFakeTimers();
  zookeeper = new FakeZookeeper();
  zookeeper.add("/k");
  zookeeper.add("/k/read");
  zookeeper.add("/k/write");
  told = [];
});

afterEach(async () => {
  await source?.close();
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function start(): Promise<void> {
  source = new ZookeeperSource(parseZookeeperServer("zk://a,b/k")!, {
    sessionTimeoutMs: 10_000,
    endpoint: "memcache",
    onNews: (news) => told.push(news),
    load: async () => zookeeper.connect,
  });
  await pass(0);
}

let nextNumber = 0;

/** Gives the path of the entry. */
function announce(set: "read" | "write", host: string): string {
  const path = `/k/${set}/member_${String(nextNumber++).padStart(10, "0")}`;
  zookeeper.add(path, JSON.stringify({ serviceEndpoint: { host, port: 1 } }));
  return path;
}

/** Gives what takes the node out again. */
function announceBoth(host: string): () => void {
  const paths = [announce("read", host), announce("write", host)];
  return () => void paths.map((path) => zookeeper.drop(path));
}

/** The nodes that were told of last; those in parentheses take no puts. */
function nodes(): string[] {
  const { nodes = new Map() } = told.findLast((news) => news.nodes !== undefined) ?? {};
  return [...nodes.values()].map(({ id, takesPuts }) => (takesPuts ? id : `(${id})`)).toSorted();
}

const errors = (): string[] => told.flatMap(({ error }) => (error === undefined ? [] : [error.message]));

test("nodes come; those that are only in read take no puts", async () => {
  announceBoth("x");
  await start();
  expect(nodes()).toEqual(["x:1"]);
  const leaveY = announceBoth("y");
  announce("read", "z");
  await pass(0);
  expect(nodes()).toEqual(["(z:1)", "x:1", "y:1"]);
  announce("write", "z");
  await pass(0);
  expect(nodes()).toEqual(["x:1", "y:1", "z:1"]);
  leaveY();
  await pass(0);
  expect(nodes()).toEqual(["(y:1)", "x:1", "z:1"]);
  await pass(2_000);
  expect(nodes()).toEqual(["x:1", "z:1"]);
  expect(errors()).toEqual([]);
});

test("a node that is there twice, as after a quick restart, is one, and stays when the old entry goes", async () => {
  const leaveFirst = announceBoth("x");
  announceBoth("x");
  await start();
  expect(nodes()).toEqual(["x:1"]);
  leaveFirst();
  await pass(60_000);
  expect(nodes()).toEqual(["x:1"]);
});

test("a node that comes back in time was never away", async () => {
  announceBoth("x");
  const leave = announceBoth("y");
  await start();
  leave();
  await pass(1_999);
  expect(nodes()).toEqual(["(y:1)", "x:1"]);
  announceBoth("y");
  await pass(60_000);
  expect(nodes()).toEqual(["x:1", "y:1"]);
});

test("each entry is read once", async () => {
  const asked: string[] = [];
  zookeeper.fault = (request, when) => {
    if (request.startsWith("data") && when === "before") asked.push(request);
  };
  announceBoth("x");
  await start();
  announceBoth("y");
  await pass(0);
  announceBoth("z");
  await pass(0);
  expect(asked).toHaveLength(6);
});

test("sets that are all empty keep the nodes; then each has its time to come back", async () => {
  const leave = ["x", "y", "z"].map(announceBoth);
  await start();
  for (const each of leave) each();
  await pass(3_600_000);
  expect(nodes()).toEqual(["x:1", "y:1", "z:1"]);
  expect(errors()).toContain("no node is announced in zk://a:2181,b:2181/k");
  announceBoth("x");
  await pass(10_000);
  announceBoth("y");
  await pass(9_999);
  expect(nodes()).toEqual(["x:1", "y:1", "z:1"]);
  await pass(1);
  expect(nodes()).toEqual(["x:1", "y:1"]);
});

test("sets that are not there at first are watched for", async () => {
  for (const path of ["/k/read", "/k/write"]) zookeeper.drop(path);
  await start();
  expect(told).toHaveLength(1);
  const leave = announceBoth("x");
  await pass(0);
  expect(nodes()).toEqual([]);
  for (const path of ["/k/read", "/k/write"]) zookeeper.add(path);
  await pass(0);
  expect(nodes()).toEqual(["x:1"]);
  // Nothing was there before, so that nothing is to come back.
  announceBoth("y");
  leave();
  await pass(2_000);
  expect(nodes()).toEqual(["y:1"]);
});

test("a connection that ends keeps the nodes; the next one reads all anew", async () => {
  announceBoth("x");
  await start();
  zookeeper.refusal = "unreachable";
  zookeeper.cut();
  announceBoth("y");
  await pass(60_000);
  expect(nodes()).toEqual(["x:1"]);
  expect(errors().length).toBeGreaterThan(2);
  expect(new Set(zookeeper.log)).toEqual(new Set(["connect a:2181", "connect b:2181"]));
  zookeeper.refusal = undefined;
  await pass(4_000);
  expect(nodes()).toEqual(["x:1", "y:1"]);
});

test("nodes that are missing after an outage have their time to come back too", async () => {
  const leave = [announceBoth("x"), announceBoth("y")];
  await start();
  zookeeper.cut();
  for (const each of leave) each();
  announceBoth("z");
  await pass(4_000);
  expect(nodes()).toEqual(["x:1", "y:1", "z:1"]);
  announceBoth("x");
  await pass(20_000);
  expect(nodes()).toEqual(["x:1", "z:1"]);
});

test("a connection that ends in the middle of a question does so too", async () => {
  announceBoth("x");
  await start();
  zookeeper.fault = (request) => {
    if (!request.startsWith("data")) return;
    zookeeper.fault = () => {};
    zookeeper.cut();
  };
  announceBoth("y");
  await pass(0);
  expect(nodes()).toEqual(["x:1"]);
  await pass(4_000);
  expect(nodes()).toEqual(["x:1", "y:1"]);
});

test("an entry that makes no sense is told once and left out; other names are no entries", async () => {
  announceBoth("x");
  zookeeper.add("/k/read/member_0000000999", "{");
  zookeeper.add("/k/read/lock_0000000999", "{");
  await start();
  announceBoth("y");
  await pass(0);
  expect(nodes()).toEqual(["x:1", "y:1"]);
  expect(errors()).toEqual([expect.stringMatching("^/k/read/member_0000000999: ")]);
});

test("without the package nothing will ever be found", async () => {
  source = new ZookeeperSource(parseZookeeperServer("zk://a/k")!, {
    sessionTimeoutMs: 10_000,
    endpoint: "memcache",
    onNews: (news) => told.push(news),
    load: async () => {
      throw new ZookeeperError("not-installed", "install it");
    },
  });
  await pass(0);
  expect(told).toEqual([{ error: expect.objectContaining({ message: "install it" }), isFatal: true }]);
});

test("closing ends the session and all timers, and tells nothing more", async () => {
  announceBoth("x");
  const leave = announceBoth("y");
  await start();
  leave();
  await pass(0);
  const { length } = told;
  await source!.close();
  announceBoth("z");
  await pass(60_000);
  expect(told).toHaveLength(length);
  expect(vi.getTimerCount()).toBe(0);
});
