import { describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeNode } from "../testing/fake-cluster.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

/** Queues as [name, items, total_items, age]. */
function withQueues(id: string, ...queues: [string, number, number, number][]): FakeNode {
  const node = new FakeNode(id);
  for (const [name, items, totalItems, age] of queues) {
    node.stats.set(`queue_${name}_items`, String(items));
    node.stats.set(`queue_${name}_bytes`, String(items * 1024));
    node.stats.set(`queue_${name}_total_items`, String(totalItems));
    node.stats.set(`queue_${name}_mem_bytes`, String(items * 10));
    node.stats.set(`queue_${name}_age`, String(age));
    node.stats.set(`queue_${name}_waiters`, "1");
  }
  return node;
}

function cluster(): [FakeNode, FakeNode] {
  return [
    withQueues("a:1", ["work", 5, 9, 100], ["mail", 1, 1, 0]),
    withQueues("b:1", ["work", 2, 3, 40], ["work+audit", 7, 7, 900]),
  ];
}

describe("kq queues", () => {
  it("adds up over nodes, by name", async () => {
    const surroundings = new FakeSurroundings({ nodes: cluster() });
    expect(await kq(["queues"], surroundings)).toBe(0);
    expect(surroundings.out).toBe(
      "mail\t1\t1024\t10\t0\t0\t0\t1\nwork\t7\t7168\t70\t40\t100\t0\t2\nwork+audit\t7\t7168\t70\t900\t900\t0\t1\n",
    );
  });

  it("is a table on a terminal", async () => {
    const env = { NO_COLOR: "1" };
    const surroundings = new FakeSurroundings({ nodes: cluster(), isTerminal: true, env });
    expect(await kq(["queues", "--sort", "age", "--top", "1"], surroundings)).toBe(0);
    expect(surroundings.out).toBe(
      "queue       items   bytes  memory  min-age  max-age  open  waiters\n" +
        "work+audit      7  7.0 kB    70 B    900ms    900ms     0        1\n",
    );
  });

  it("counts fanouts with their parent when they are rolled up", async () => {
    const surroundings = new FakeSurroundings({ nodes: cluster() });
    await kq(["queues", "--roll-up", "--sort", "items", "--top", "1"], surroundings);
    expect(surroundings.out).toBe("work\t14\t14336\t140\t40\t900\t0\t3\n");
  });

  it("shows the nodes of one queue", async () => {
    const surroundings = new FakeSurroundings({ nodes: cluster() });
    expect(await kq(["queues", "--by-node", "mail"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\t1\t1024\t10\t0\t0\t0\t1\n");
    expect(await kq(["queues", "--by-node", "nothing"], surroundings)).toBe(3);
  });

  it("measures rates", async () => {
    const nodes = cluster();
    const surroundings = new FakeSurroundings({ nodes });
    let looks = 0;
    nodes[0].onStats = () => {
      if (++looks === 1) return;
      nodes[0].stats.set("queue_mail_total_items", "1001");
      nodes[0].stats.set("queue_mail_items", "501");
    };
    const line = ["queues", "--rates", "10ms", "--sort", "in", "--top", "1", "--json"];
    expect(await kq(line, surroundings)).toBe(0);
    const [row] = JSON.parse(surroundings.out);
    expect(row).toMatchObject({ queue: "mail", items: 501 });
    expect(row["in/s"]).toBeGreaterThan(0);
    expect(row["in/s"] / row["out/s"]).toBeCloseTo(2, 1);
  });

  it("works with the rest when a node is down", async () => {
    const nodes = cluster();
    nodes[0].isDown = true;
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["queues", "--json"], surroundings)).toBe(1);
    expect(JSON.parse(surroundings.out).map((row: { queue: string }) => row.queue)).toEqual([
      "work",
      "work+audit",
    ]);
    expect(surroundings.err).toBe("kq queues: a:1 does not answer\n");
  });

  it("needs a measurement to sort by it", async () => {
    const surroundings = new FakeSurroundings({ nodes: cluster() });
    expect(await kq(["queues", "--sort", "in"], surroundings)).toBe(2);
  });
});

describe("kq stale", () => {
  it("finds queues that hold items and don't move", async () => {
    const nodes = cluster();
    const surroundings = new FakeSurroundings({ nodes });
    let looks = 0;
    nodes[0].onStats = () => void nodes[0].stats.set("queue_work_total_items", String(10 + looks++));
    expect(await kq(["stale", "3", "--every", "1ms"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("work+audit\t7\t7\nmail\t1\t1\n");
  });
});

describe("kq top", () => {
  it("looks as often as it is told, and ends well", async () => {
    const surroundings = new FakeSurroundings({ nodes: cluster() });
    expect(
      await kq(["top", "--rounds", "2", "--every", "10ms", "--json", "--sort", "items"], surroundings),
    ).toBe(0);
    const looks = surroundings.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(looks).toHaveLength(2);
    expect(looks[1][0]).toMatchObject({ queue: "work", items: 7, "in/s": 0, "out/s": 0 });
  });

  it("redraws a terminal until it is interrupted", async () => {
    const surroundings: FakeSurroundings = new FakeSurroundings({
      nodes: cluster(),
      isTerminal: true,
      onWrite: () => surroundings.interruption.abort(),
    });
    expect(await kq(["top", "--every", "10ms"], surroundings)).toBe(0);
    expect(surroundings.out.startsWith("\x1b[H\x1b[2J")).toBe(true);
    expect(surroundings.out).toContain("work+audit");
  });
});
