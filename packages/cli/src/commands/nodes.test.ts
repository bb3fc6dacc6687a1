import { describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeNode } from "../testing/fake-cluster.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

function two(answers: Record<string, string>): [FakeNode, FakeNode] {
  const nodes: [FakeNode, FakeNode] = [new FakeNode("a:1"), new FakeNode("b:2")];
  for (const node of nodes) node.answers = new Map(Object.entries(answers));
  return nodes;
}

describe("kq version and kq ping", () => {
  it("tells the version of every node", async () => {
    const surroundings = new FakeSurroundings({ nodes: two({ version: "VERSION 3.0.0" }) });
    expect(await kq(["version"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\t3.0.0\nb:2\t3.0.0\n");
  });

  it("says so when a node is down, and tells the others", async () => {
    const nodes = two({ version: "VERSION 3.0.0" });
    nodes[0].isDown = true;
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["ping"], surroundings)).toBe(1);
    expect(surroundings.out).toMatch(/^b:2\t\d+(\.\d+)?\n$/);
    expect(surroundings.err).toBe("kq ping: a:1 does not answer\n");
  });

  it("knows what is no Kestrel", async () => {
    const nodes = two({ version: "HTTP/1.1 400 Bad Request" });
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["version", "--node", "a:1"], surroundings)).toBe(1);
    expect(surroundings.err).toMatch(
      /^kq version: a:1 speaks HTTP, as the admin port of a node does \(2223\): kq wants the memcache port/,
    );
  });
});

describe("kq status", () => {
  const answers = { status: "UP", "status READONLY": "END" };

  it("shows the status of every node, or of one", async () => {
    const surroundings = new FakeSurroundings({ nodes: two(answers) });
    expect(await kq(["status"], surroundings)).toBe(0);
    expect(await kq(["status", "b:2"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\tUP\nb:2\tUP\nb:2\tUP\n");
  });

  it("sets it on one node, or on all", async () => {
    const nodes = two(answers);
    nodes[0].answers.set("status", "READONLY");
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["status", "a:1", "read-only"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\tREADONLY\n");
    expect(await kq(["status", "readonly"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\tREADONLY\na:1\tREADONLY\nb:2\tUP\n");
  });

  it("refuses what is no status, and a node that isn't there", async () => {
    const surroundings = new FakeSurroundings({ nodes: two(answers) });
    expect(await kq(["status", "a:1", "asleep"], surroundings)).toBe(2);
    expect(await kq(["status", "c:3"], surroundings)).toBe(2);
    expect(surroundings.err).toContain('"asleep" is no status: up, readonly, writeavoid or quiescent');
    expect(surroundings.err).toContain("c:3 is none of the nodes: a:1, b:2");
  });
});

describe("kq reload and kq shutdown", () => {
  it("tells what every node answered", async () => {
    const surroundings = new FakeSurroundings({ nodes: two({ reload: "Reloaded config." }) });
    expect(await kq(["reload"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("a:1\tReloaded config.\nb:2\tReloaded config.\n");
  });

  it("asks before it stops nodes", async () => {
    const nodes = two({ shutdown: "" });
    expect(await kq(["shutdown"], new FakeSurroundings({ nodes }))).toBe(2);
    expect(await kq(["shutdown", "--yes", "--node", "2"], new FakeSurroundings({ nodes }))).toBe(0);
    const refused = new FakeSurroundings({ nodes, isTerminal: true, input: "no\n" });
    expect(await kq(["shutdown"], refused)).toBe(1);
    expect(refused.err).toContain("Stop a:1, b:2? [y/N] ");
  });
});

describe("kq drain", () => {
  it("lets a node take no more puts, and ends when it is empty", async () => {
    const nodes = two({ "status READONLY": "END", status: "READONLY" });
    nodes[0].stats = new Map([
      ["queue_work_items", "0"],
      ["queue_work_open_transactions", "0"],
    ]);
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["drain", "a:1", "--json"], surroundings)).toBe(0);
    expect(JSON.parse(surroundings.out)).toMatchObject({ node: "a:1", drained: true });
  });

  it("knows a node that DNS knows", async () => {
    const nodes = two({ "status READONLY": "END", status: "READONLY" });
    const surroundings = new FakeSurroundings({ nodes });
    const line = ["--servers", "dns://kestrel.example"];
    expect(await kq(["drain", "b:2", "--json", ...line], surroundings)).toBe(0);
    expect(JSON.parse(surroundings.out)).toMatchObject({ node: "b:2", drained: true });
    expect(await kq(["drain", "c:3", ...line], surroundings)).toBe(2);
    expect(surroundings.err).toContain("c:3 is none of the nodes: a:1, b:2");
    const status = new FakeSurroundings({ nodes });
    expect(await kq(["status", "a:1", ...line], status)).toBe(0);
    expect(status.out).toBe("a:1\tREADONLY\n");
  });

  it("gives up after its time", async () => {
    const nodes = two({ "status READONLY": "END", status: "READONLY" });
    nodes[0].stats = new Map([
      ["queue_work_items", "2"],
      ["queue_work_open_transactions", "1"],
    ]);
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["drain", "a:1", "--for", "0s"], surroundings)).toBe(1);
    expect(surroundings.err).toContain("a:1 still holds 3 items after 0ms; it stays readonly");
  });

  it("says how to undo it when it is interrupted", async () => {
    const nodes = two({ "status READONLY": "END", status: "READONLY" });
    nodes[0].stats = new Map([["queue_work_items", "2"]]);
    const surroundings = new FakeSurroundings({ nodes });
    setImmediate(() => surroundings.interruption.abort());
    expect(await kq(["drain", "a:1"], surroundings)).toBe(1);
    expect(surroundings.err).toContain("interrupted; a:1 stays readonly until `kq status a:1 up`");
  });
});
