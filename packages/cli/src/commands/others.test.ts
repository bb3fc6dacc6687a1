import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeNode } from "../testing/fake-cluster.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

function two(): [FakeNode, FakeNode] {
  const nodes: [FakeNode, FakeNode] = [new FakeNode("a:1"), new FakeNode("b:1")];
  for (const node of nodes) node.add("work", Buffer.from(`of ${node.id}`));
  return nodes;
}

describe("kq peek", () => {
  it("shows the next item and leaves it there", async () => {
    const nodes = two();
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["peek", "work"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("of a:1\n");
    expect(nodes[0].texts("work")).toEqual(["of a:1"]);
    expect(await kq(["peek", "other"], surroundings)).toBe(3);
  });
});

describe("kq flush and kq delete", () => {
  it.each(["flush", "delete"])("%s does it on every node with --yes", async (command) => {
    const nodes = two();
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq([command, "work", "--yes"], surroundings)).toBe(0);
    expect(nodes.flatMap((node) => node.texts("work"))).toEqual([]);
    expect([surroundings.out, surroundings.err]).toEqual(["", ""]);
  });

  it.each([
    ["y\n", 0, 0],
    ["n\n", 1, 2],
    ["\n", 1, 2],
    ["", 1, 2],
  ])("asks on a terminal: %j", async (answer, code, left) => {
    const nodes = two();
    const surroundings = new FakeSurroundings({ nodes, isTerminal: true, input: answer });
    expect(await kq(["flush", "work"], surroundings)).toBe(code);
    expect(surroundings.err).toContain("Drop all items of work on 2 nodes? [y/N] ");
    expect(nodes.flatMap((node) => node.texts("work"))).toHaveLength(left);
  });

  it("does the other nodes when one is down, says so, and fails", async () => {
    const nodes = two();
    nodes[0].isDown = true;
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["delete", "work", "--yes", "--json"], surroundings)).toBe(1);
    expect(surroundings.err).toBe("kq delete: a:1 does not answer\n");
    expect(JSON.parse(surroundings.out)).toEqual([
      { node: "a:1", ok: false, error: "a:1 does not answer" },
      { node: "b:1", ok: true },
    ]);
    expect(nodes[1].queues.has("work")).toBe(false);
  });
});

describe("kq stats", () => {
  const withStats = () => {
    const nodes = two();
    nodes[0].stats = new Map([
      ["uptime", "5"],
      ["queue_work_items", "1"],
      ["queue_work_age", "30"],
    ]);
    nodes[1].stats = new Map([
      ["uptime", "6"],
      ["queue_work_items", "2"],
      ["queue_work_age", "20"],
    ]);
    return nodes;
  };

  it("is tab-separated in a pipe", async () => {
    const surroundings = new FakeSurroundings({ nodes: withStats() });
    expect(await kq(["stats"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\tuptime\t5\nb:1\tuptime\t6\n");
  });

  it("is a table on a terminal, without colours under NO_COLOR", async () => {
    const env = { NO_COLOR: "1" };
    const surroundings = new FakeSurroundings({ nodes: withStats(), isTerminal: true, env });
    expect(await kq(["stats", "work"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("       total  a:1  b:1\nitems      3    1    2\nage       30   30   20\n");
    const coloured = new FakeSurroundings({ nodes: withStats(), isTerminal: true });
    await kq(["stats", "work"], coloured);
    expect(coloured.out).toContain("\x1b[1mtotal\x1b[22m");
  });

  it("is one document with --json", async () => {
    const surroundings = new FakeSurroundings({ nodes: withStats(), isTerminal: true });
    expect(await kq(["stats", "work", "--json"], surroundings)).toBe(0);
    expect(JSON.parse(surroundings.out)).toEqual([
      { node: "total", stats: { items: 3, age: 30 } },
      { node: "a:1", stats: { items: 1, age: 30 } },
      { node: "b:1", stats: { items: 2, age: 20 } },
    ]);
  });

  it("ends with 3 for a queue that no node knows, with 1 when a node is down", async () => {
    const nodes = withStats();
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["stats", "other"], surroundings)).toBe(3);
    nodes[1].isDown = true;
    expect(await kq(["stats", "work"], surroundings)).toBe(1);
    expect(surroundings.out).toContain("total\titems\t1\n");
    expect(surroundings.err).toBe("kq stats: b:1 does not answer\n");
  });
});

describe("kq load", () => {
  it("tells of a file that can't be opened as of every failure", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kq-load-"));
    const socket = createServer();
    try {
      await writeFile(join(folder, "servers"), "a:1");
      await once(socket.listen(join(folder, "socket")), "listening");
      const surroundings = new FakeSurroundings({ nodes: two() });
      const files = ["--servers-file", join(folder, "servers"), join(folder, "socket")];
      expect(await kq(["load", "work", ...files], surroundings)).toBe(1);
      expect(surroundings.err).toMatch(/^kq load: E[A-Z]+: [^\n]+\n$/);
    } finally {
      socket.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe("kq ring", () => {
  it("names the node of each queue", async () => {
    const surroundings = new FakeSurroundings({ nodes: two() });
    expect(await kq(["ring", "work", "mail", "x"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("work\ta:1\nmail\ta:1\nx\tb:1\n");
  });
});

describe("servers", () => {
  it("come from standard input with --servers-file -", async () => {
    const surroundings = new FakeSurroundings({ nodes: two(), input: "# the second only\nb:1\n" });
    expect(await kq(["peek", "work", "--servers-file", "-"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("of b:1\n");
  });

  it("named on the command line go before the environment", async () => {
    const surroundings = new FakeSurroundings({ nodes: two() });
    expect(await kq(["peek", "work", "--servers", "b:1"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("of b:1\n");
  });

  it("come from ~/.kestrel_cluster when nothing else is said, and are the local node when that isn't there", async () => {
    const homeFolder = await mkdtemp(join(tmpdir(), "kq-test-"));
    try {
      const env = { KESTREL_SERVERS: "" };
      const local = new FakeNode("localhost:22133");
      local.add("work", Buffer.from("of the local node"));
      const nodes = [...two(), local];
      const before = new FakeSurroundings({ nodes, env, homeFolder });
      expect(await kq(["peek", "work"], before)).toBe(0);
      expect(before.out).toBe("of the local node\n");
      await writeFile(join(homeFolder, ".kestrel_cluster"), "b:1\n");
      const after = new FakeSurroundings({ nodes, env, homeFolder });
      expect(await kq(["peek", "work"], after)).toBe(0);
      expect(after.out).toBe("of b:1\n");
    } finally {
      await rm(homeFolder, { recursive: true });
    }
  });

  it("cannot come from a file that isn't there", async () => {
    const surroundings = new FakeSurroundings({ nodes: two() });
    expect(await kq(["peek", "work", "--servers-file", "/nowhere/list"], surroundings)).toBe(2);
    expect(surroundings.err).toContain("cannot read the servers file /nowhere/list");
  });
});
