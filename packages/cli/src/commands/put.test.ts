import { describe, expect, it } from "vitest";
import { kq } from "../kq.ts";
import { FakeError, FakeNode } from "../testing/fake-cluster.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

const three = () => [new FakeNode("a:1"), new FakeNode("b:1"), new FakeNode("c:1")];
const numbers = (length: number) => Array.from({ length }, (_, index) => String(index + 1));

describe("kq put", () => {
  it("puts the items of the command line, whatever they look like", async () => {
    const [node] = [new FakeNode("a:1")];
    const surroundings = new FakeSurroundings({ nodes: [node] });
    const items = ["007", "1e3", "", "two words", "ünï", "true", "-", "-5", "--json", "--", "-x"];
    expect(await kq(["put", "work", "first", "--", ...items], surroundings)).toBe(0);
    expect(node.texts("work")).toEqual(["first", ...items]);
    expect([surroundings.out, surroundings.err]).toEqual(["", ""]);
  });

  it("puts an item that is only a dash; alone it is standard input", async () => {
    const [node] = [new FakeNode("a:1")];
    expect(await kq(["put", "work", "a", "-", "b"], new FakeSurroundings({ nodes: [node] }))).toBe(0);
    expect(await kq(["put", "work", "-"], new FakeSurroundings({ nodes: [node], input: "c\n" }))).toBe(0);
    expect(node.texts("work")).toEqual(["a", "-", "b", "c"]);
  });

  it("puts a line of standard input after the other, in order on each node", async () => {
    const nodes = three();
    const lines = numbers(5000);
    const surroundings = new FakeSurroundings({ nodes, input: `${lines.join("\n")}\n` });
    expect(await kq(["put", "work"], surroundings)).toBe(0);
    const stored = nodes.map((node) => node.texts("work"));
    for (const share of stored) expect(share).toEqual([...share].sort((a, b) => Number(a) - Number(b)));
    expect(stored.flat().sort()).toEqual(lines.sort());
    expect(surroundings.err).toBe("");
  });

  it("keeps every byte with --whole", async () => {
    const node = new FakeNode("a:1");
    const input = Buffer.from([0, 10, 13, 10, 255, 128]);
    expect(await kq(["put", "work", "--whole"], new FakeSurroundings({ nodes: [node], input }))).toBe(0);
    expect(node.queues.get("work")).toEqual([input]);
  });

  it("puts nothing when there is nothing", async () => {
    const node = new FakeNode("a:1");
    expect(await kq(["put", "work"], new FakeSurroundings({ nodes: [node] }))).toBe(0);
    expect(node.texts("work")).toEqual([]);
  });

  it("tells which items may or may not be stored, and goes on with the rest", async () => {
    const node = new FakeNode("a:1");
    node.onPut = (item) => {
      if (["3", "4", "7"].includes(String(item))) throw new FakeError("unknown", "a:1 fell silent");
      return undefined;
    };
    const surroundings = new FakeSurroundings({ nodes: [node], input: numbers(10).join("\n") });
    expect(await kq(["put", "work", "--json"], surroundings)).toBe(1);
    expect(JSON.parse(surroundings.out)).toEqual({
      stored: 7,
      unknown: [
        [3, 4],
        [7, 7],
      ],
      tooLarge: [],
      notStored: [],
      stopReason: null,
    });
    expect(surroundings.err).toContain("3 items may or may not be stored (a:1 fell silent;");
    expect(surroundings.err).toContain(": 3-4, 7\n");
  });

  it("goes on past an item that is too large", async () => {
    const node = new FakeNode("a:1");
    node.onPut = (item) => (String(item) === "2" ? "too-large" : undefined);
    const surroundings = new FakeSurroundings({ nodes: [node] });
    expect(await kq(["put", "work", "1", "2", "3"], surroundings)).toBe(1);
    expect(node.texts("work")).toEqual(["1", "3"]);
    expect(surroundings.err).toContain("1 item refused, larger than the queue takes: 2");
  });

  it("stops at a full queue and says how far it came", async () => {
    const node = new FakeNode("a:1");
    node.onPut = () => (node.texts("work").length === 100 ? "full" : undefined);
    const surroundings = new FakeSurroundings({ nodes: [node], input: numbers(100_000).join("\n") });
    expect(await kq(["put", "work"], surroundings)).toBe(1);
    expect(node.texts("work")).toEqual(numbers(100));
    expect(surroundings.err).toMatch(/not stored: 101-\d+\n/);
    expect(surroundings.err).toMatch(/stopped after item \d{3,4}: the queue is full on a:1\n/);
    expect(surroundings.err).toContain("Stored 100 items");
  });

  it("says so when no node is there", async () => {
    const node = new FakeNode("a:1");
    node.isDown = true;
    const surroundings = new FakeSurroundings({ nodes: [node] });
    expect(await kq(["put", "work", "x"], surroundings)).toBe(1);
    expect(surroundings.err).toContain("stopped after item 1: no node can be reached");
  });

  it("stops reading when it is interrupted, and settles what it has sent", async () => {
    const node = new FakeNode("a:1");
    const surroundings = new FakeSurroundings({ nodes: [node], input: null });
    node.onPut = (item) => {
      if (String(item) === "2") surroundings.interruption.abort();
      return undefined;
    };
    surroundings.stdin.push("1\n2\n3\n");
    expect(await kq(["put", "work"], surroundings)).toBe(1);
    expect(surroundings.err).toContain("interrupted");
    expect(surroundings.err).toContain(`Stored ${node.texts("work").length} items`);
  });
});
