import { setImmediate } from "node:timers/promises";
import { ZookeeperError } from "@kestrel-mq/zookeeper";
import { afterEach, expect, test } from "vitest";
import { FakeZookeeper } from "../../../zookeeper/src/testing/fake-zookeeper.ts";
import { NodeStatus } from "../status/node-status.ts";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { Announcer } from "./announcer.ts";

const sessionTimeoutMs = 10_000;
/** Longer than any pause between two attempts. */
const pauseMs = 4_000;

class Bench {
  readonly clock: FakeClock = new FakeClock();
  readonly log: CollectedLog = new CollectedLog();
  readonly zookeeper: FakeZookeeper = new FakeZookeeper();
  readonly status: NodeStatus;
  readonly announcer: Announcer;

  constructor() {
    const { clock, log: logger } = this;
    this.status = new NodeStatus({ file: null, defaultStatus: "up", gracePeriodMs: 0, clock, logger });
    this.announcer = new Announcer({
      settings: {
        servers: ["a", "b"].map((host) => ({ host, port: 1 })),
        pathPrefix: "/k/test",
        sessionTimeoutMs,
        acl: [],
      },
      member: "node",
      status: this.status,
      connect: this.zookeeper.connect,
      clock,
      logger,
    });
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  async start(): Promise<void> {
    this.announcer.start();
    await this.settle();
  }

  /** How many entries there are in read and in write. */
  get counts(): number[] {
    return ["read", "write"].map((set) => this.zookeeper.names(`/k/test/${set}`).length);
  }

  /** What has been changed since the last look. */
  takeLog(): string[] {
    return this.zookeeper.log.splice(0).filter((line) => !line.startsWith("connect"));
  }
}

let bench: Bench;

async function start(prepare: (zookeeper: FakeZookeeper) => void = () => {}): Promise<void> {
  bench = new Bench();
  prepare(bench.zookeeper);
  await bench.start();
}

afterEach(() => bench.announcer.stop());

test("makes the path, joins read before write, and leaves the other way round", async () => {
  await start();
  expect(bench.takeLog()).toEqual([
    "create /k",
    "create /k/test",
    "create /k/test/read",
    "create /k/test/read/member_0000000000",
    "create /k/test/write",
    "create /k/test/write/member_0000000001",
  ]);
  expect(bench.announcer.state).toEqual({ isConnected: true, sets: ["read", "write"], problem: null });
  bench.status.announce("quiescent");
  await bench.settle();
  expect(bench.takeLog()).toEqual([
    "remove /k/test/write/member_0000000001",
    "remove /k/test/read/member_0000000000",
  ]);
  expect(bench.announcer.state.sets).toEqual([]);
  bench.status.announce("up");
  await bench.settle();
  expect(bench.takeLog()).toEqual([
    "create /k/test/read/member_0000000002",
    "create /k/test/write/member_0000000003",
  ]);
  await bench.announcer.stop();
  expect(bench.counts).toEqual([0, 0]);
});

test("a stricter status waits until the node has left", async () => {
  await start();
  const seen: string[] = [];
  bench.status.onChange(({ enforced }) => seen.push(`${enforced} ${bench.counts}`));
  bench.status.announce("read-only");
  expect(bench.status.enforced).toBe("up");
  await bench.settle();
  expect(seen).toEqual(["up 1,1", "read-only 1,0"]);
});

test("a stricter status waits no longer than a session lasts for a ZooKeeper that won't", async () => {
  await start();
  bench.zookeeper.fault = (request) => {
    if (request.startsWith("remove")) throw new ZookeeperError("NO_AUTH", "NO_AUTH");
  };
  bench.status.announce("read-only");
  await bench.pass(sessionTimeoutMs - 1);
  expect(bench.status.enforced).toBe("up");
  expect(bench.announcer.state.problem).toBe("NO_AUTH");
  await bench.pass(1);
  expect(bench.status.enforced).toBe("read-only");
  bench.zookeeper.fault = () => {};
  await bench.pass(pauseMs);
  expect(bench.counts).toEqual([1, 0]);
  expect(bench.announcer.state.problem).toBeNull();
});

test("a stricter status that comes while the node is joining waits too", async () => {
  await start((zookeeper) => {
    zookeeper.fault = (request, when) => {
      if (request === "create /k/test/write/member_" && when === "before") bench.status.announce("read-only");
    };
  });
  expect(bench.status.enforced).toBe("read-only");
  expect(bench.counts).toEqual([1, 0]);
});

test("an entry that somebody deletes is replaced", async () => {
  await start();
  bench.zookeeper.drop("/k/test/write/member_0000000001");
  await bench.settle();
  bench.zookeeper.drop("/k/test/read/member_0000000000");
  await bench.settle();
  expect(bench.counts).toEqual([1, 1]);
});

test("a connection that breaks changes nothing when its session goes on", async () => {
  await start();
  bench.takeLog();
  bench.zookeeper.cut();
  await bench.settle();
  expect(bench.announcer.state).toMatchObject({ isConnected: false, sets: ["read", "write"] });
  await bench.pass(pauseMs);
  expect(bench.announcer.state).toEqual({ isConnected: true, sets: ["read", "write"], problem: null });
  expect(bench.takeLog()).toEqual([]);
  bench.zookeeper.drop("/k/test/read/member_0000000000");
  await bench.settle();
  expect(bench.counts).toEqual([1, 1]);
});

test.each(["before", "after"] as const)(
  "a connection that breaks just %s an entry is made",
  async (moment) => {
    let cuts = 0;
    await start((zookeeper) => {
      zookeeper.fault = (request, when) => {
        if (!request.endsWith("/member_") || when !== moment || cuts === 2) return;
        if (!zookeeper.nodes.has(request.slice(7, -8))) return;
        cuts++;
        zookeeper.cut();
      };
    });
    for (let attempt = 0; attempt < 4; attempt++) await bench.pass(pauseMs);
    expect(cuts).toBe(2);
    expect(bench.counts).toEqual([1, 1]);
  },
);

test("a session that has expired is followed by another at once", async () => {
  await start();
  bench.zookeeper.expire();
  expect(bench.counts).toEqual([0, 0]);
  await bench.settle();
  await bench.pass(pauseMs);
  expect(bench.counts).toEqual([1, 1]);
});

test("a session that is turned away is given up when it must have expired, and its entries are removed", async () => {
  await start();
  bench.zookeeper.cut();
  bench.zookeeper.refusal = "dropped";
  await bench.settle();
  await bench.pass(sessionTimeoutMs - 1);
  expect(bench.announcer.state).toMatchObject({ isConnected: false, sets: ["read", "write"] });
  await bench.pass(1);
  expect(bench.announcer.state.sets).toEqual([]);
  // In truth ZooKeeper still has them.
  expect(bench.counts).toEqual([1, 1]);
  await bench.pass(pauseMs);
  await bench.pass(pauseMs);
  expect(bench.announcer.state).toEqual({ isConnected: true, sets: ["read", "write"], problem: null });
  expect(bench.counts).toEqual([1, 1]);
  expect(bench.zookeeper.nodes.has("/k/test/read/member_0000000000")).toBe(false);
});

test("an outage of any length keeps the session, stops nothing, and is told once a minute", async () => {
  await start();
  bench.zookeeper.cut();
  bench.zookeeper.refusal = "unreachable";
  await bench.settle();
  for (let passed = 0; passed < 150_000; passed += 2_000) await bench.pass(2_000);
  const warned = bench.log.lines.filter(({ level }) => level === "warn");
  expect(warned).toHaveLength(3);
  bench.status.announce("read-only");
  expect(bench.status.enforced).toBe("read-only");
  const attempts = bench.zookeeper.log.filter((line) => line.startsWith("connect"));
  expect(new Set(attempts)).toEqual(new Set(["connect a:1", "connect b:1"]));
  expect(attempts.length).toBeLessThan(90);
  bench.zookeeper.refusal = undefined;
  await bench.pass(pauseMs);
  expect(bench.counts).toEqual([1, 0]);
  expect(bench.zookeeper.nodes.has("/k/test/read/member_0000000000")).toBe(true);
  expect(bench.log.having("ZooKeeper is well again")).toHaveLength(1);
});

test("stops at once while ZooKeeper is away", async () => {
  await start((zookeeper) => {
    zookeeper.refusal = "unreachable";
  });
  await bench.announcer.stop();
  const { length } = bench.zookeeper.log;
  await bench.pass(60_000);
  expect(bench.zookeeper.log).toHaveLength(length);
});
