import { describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeNode } from "../testing/fake-cluster.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

function filled(...shares: string[][]): FakeNode[] {
  return shares.map((items, index) => {
    const node = new FakeNode(`n${index + 1}:1`);
    for (const item of items) node.add("work", Buffer.from(item));
    return node;
  });
}

const closedPipe = () => {
  throw Object.assign(new Error("write EPIPE"), { code: "EPIPE" });
};

describe("kq get", () => {
  it("gets one item and confirms it", async () => {
    const [node] = filled(["one", "two"]) as [FakeNode];
    const surroundings = new FakeSurroundings({ nodes: [node] });
    expect(await kq(["get", "work"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("one\n");
    expect([node.confirmed, node.aborted, node.texts("work")]).toEqual([1, 0, ["two"]]);
  });

  it("ends with 3 and without a word when nothing is there", async () => {
    const surroundings = new FakeSurroundings({ nodes: filled([], []) });
    expect(await kq(["get", "work"], surroundings)).toBe(3);
    expect(await kq(["get", "work", "--all"], surroundings)).toBe(3);
    expect([surroundings.out, surroundings.err]).toEqual(["", ""]);
  });

  it("gets up to --count items, and leaves the rest alone", async () => {
    const nodes = filled(["1", "2"], ["3", "4"]);
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["get", "work", "--count", "3"], surroundings)).toBe(0);
    expect(surroundings.out.trim().split("\n")).toHaveLength(3);
    expect(nodes.flatMap((node) => node.texts("work"))).toHaveLength(1);
    expect(nodes.map(({ aborted }) => aborted)).toEqual([0, 0]);
  });

  it("gets all, each node's share in order", async () => {
    const shares = [["a1", "a2", "a3"], [], ["c1", "c2"]];
    const surroundings = new FakeSurroundings({ nodes: filled(...shares) });
    expect(await kq(["get", "work", "--all"], surroundings)).toBe(0);
    const lines = surroundings.out.trim().split("\n");
    expect(lines.filter((line) => line.startsWith("a"))).toEqual(shares[0]);
    expect(lines.filter((line) => line.startsWith("c"))).toEqual(shares[2]);
    expect(lines).toHaveLength(5);
  });

  it("writes bytes as they are with --raw, and any bytes as --json", async () => {
    const [node] = filled([]) as [FakeNode];
    for (const item of [[0xff, 0x00], [0x61]])
      for (let i = 0; i < 2; i++) node.add("work", Buffer.from(item));
    const raw = new FakeSurroundings({ nodes: [node] });
    expect(await kq(["get", "work", "--raw", "--count", "2"], raw)).toBe(0);
    expect(raw.out).toBe("\xff\x00\xff\x00");
    node.queues.set("work", [Buffer.from([0xff, 0x00]), Buffer.from("ä\n")]);
    const json = new FakeSurroundings({ nodes: [node] });
    expect(await kq(["get", "work", "--json", "--all"], json)).toBe(0);
    expect(Buffer.from(json.out, "latin1").toString()).toBe(
      '{"queue":"work","node":"n1:1","base64":"/wA="}\n{"queue":"work","node":"n1:1","data":"ä\\n"}\n',
    );
  });

  it("waits for an item", async () => {
    const [node] = filled([]) as [FakeNode];
    const surroundings = new FakeSurroundings({ nodes: [node] });
    const ended = kq(["get", "work", "--wait", "30s"], surroundings);
    setImmediate(() => node.add("work", Buffer.from("late")));
    expect(await ended).toBe(0);
    expect(surroundings.out).toBe("late\n");
  });

  it("puts back what could not be written, and ends quietly when the reader has gone", async () => {
    const nodes = filled(["1", "2", "3", "4"]);
    let written = 0;
    const surroundings = new FakeSurroundings({ nodes, onWrite: () => ++written > 2 && closedPipe() });
    expect(await kq(["get", "work", "--all"], surroundings)).toBe(0);
    expect([surroundings.out, surroundings.err]).toEqual(["1\n2\n", ""]);
    expect(nodes[0]!.texts("work")).toEqual(["3", "4"]);
    expect(nodes[0]!.confirmed).toBe(2);
  });

  it("puts back what could not be written to a full disk, and says so", async () => {
    const nodes = filled(["1"]);
    const onWrite = () => {
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    };
    const surroundings = new FakeSurroundings({ nodes, onWrite });
    expect(await kq(["get", "work"], surroundings)).toBe(1);
    expect(surroundings.err).toBe("kq get: ENOSPC: no space left on device\n");
    expect(nodes[0]!.texts("work")).toEqual(["1"]);
  });

  it("gets what the other nodes have when one is down, says so, and fails", async () => {
    const nodes = filled(["a1"], ["b1"]);
    nodes[0]!.isDown = true;
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["get", "work", "--all"], surroundings)).toBe(1);
    expect(surroundings.out).toBe("b1\n");
    expect(surroundings.err).toBe("kq get: n1:1 does not answer\n");
  });

  it("never takes a node that is down for an empty one", async () => {
    const nodes = filled([], ["b1"]);
    nodes[1]!.isDown = true;
    const surroundings = new FakeSurroundings({ nodes });
    expect(await kq(["get", "work"], surroundings)).toBe(1);
    expect(surroundings.err).toBe("kq get: n2:1 does not answer\n");
  });

  it("follows until it is interrupted, over a node's fall and return", async () => {
    const nodes = filled(["1"], []);
    const surroundings: FakeSurroundings = new FakeSurroundings({
      nodes,
      onWrite(data) {
        if (String(data) === "2\n") setImmediate(() => surroundings.interruption.abort());
      },
      onWarn() {
        if (!nodes[1]!.isDown) return;
        nodes[1]!.isDown = false;
        nodes[1]!.queues.set("work", [Buffer.from("2")]);
      },
    });
    nodes[1]!.isDown = true;
    expect(await kq(["get", "work", "--follow"], surroundings)).toBe(0);
    expect(surroundings.out).toBe("1\n2\n");
    expect(surroundings.err).toContain("kq get: n2:1 does not answer; trying again until it is back\n");
    expect(surroundings.err).toContain("kq get: n2:1 is back\n");
    expect(nodes.map(({ confirmed }) => confirmed)).toEqual([1, 1]);
  });

  it("gives the open item back when it is interrupted before writing it", async () => {
    const nodes = filled(["1", "2", "3"]);
    const surroundings: FakeSurroundings = new FakeSurroundings({
      nodes,
      onWrite: (data) => String(data) === "2\n" && surroundings.interruption.abort(),
    });
    expect(await kq(["get", "work", "--all"], surroundings)).toBe(1);
    expect(surroundings.out).toBe("1\n2\n");
    expect(nodes[0]!.texts("work")).toEqual(["3"]);
    expect(surroundings.err).toContain("interrupted; the rest is still in the queue");
  });
});
