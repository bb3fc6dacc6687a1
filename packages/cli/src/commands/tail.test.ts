import { expect, it } from "vitest";
import { aftermathWord } from "../aftermath.ts";
import { kq } from "../kq.ts";
import { FakeNode } from "../testing/fake-cluster.ts";
import { FakeSurroundings } from "../testing/fake-surroundings.ts";

/** The fanout that a tail made on a node. */
const fanoutOf = (node: FakeNode) => [...node.queues.keys()].find((name) => name.includes("+kq-tail-"));

it("reads a fanout of its own and deletes it, and has it deleted should it be killed", async () => {
  const node = new FakeNode("a:1");
  let whileItRan: string[] = [];
  const surroundings = new FakeSurroundings({
    nodes: [node],
    onWrite: () => {
      whileItRan = [...surroundings.aftermath];
    },
  });
  // A fanout comes into being when it is first asked for.
  const take = node.take.bind(node);
  node.take = (queue) => {
    if (!node.queues.has(queue)) setImmediate(() => node.add(queue, Buffer.from("news")));
    return take(queue);
  };
  expect(await kq(["tail", "work", "--count", "1"], surroundings)).toBe(0);
  expect(surroundings.out).toBe("news\n");
  expect(whileItRan).toEqual([expect.stringMatching(/^work\+kq-tail-[0-9a-f]{8}$/)]);
  expect(surroundings.aftermath.size).toBe(0);
  expect(fanoutOf(node)).toBeUndefined();
});

it("makes no fanout where it may not delete it", async () => {
  const nodes = [new FakeNode("a:1"), new FakeNode("b:2")] as const;
  nodes[1].isForbidden = true;
  const surroundings = new FakeSurroundings({ nodes });
  expect(await kq(["tail", "work"], surroundings)).toBe(1);
  expect(surroundings.err).toMatch(/^kq tail: a tail has a queue of its own to delete, and may not\. b:2: /);
  expect(nodes.map(fanoutOf)).toEqual([undefined, undefined]);
});

it("has a queue deleted on every node when its input ends, also where a node was down", async () => {
  const nodes = [new FakeNode("a:1"), new FakeNode("b:2")] as const;
  for (const node of nodes) node.add("work+kq-tail-1", Buffer.from("x"));
  nodes[1].isDown = true;
  const options = { servers: ["a:1", "b:2"] };
  const input = JSON.stringify({ queue: "work+kq-tail-1", options });
  const running = kq([aftermathWord], new FakeSurroundings({ nodes, input }));
  await expect.poll(() => fanoutOf(nodes[0])).toBeUndefined();
  nodes[1].isDown = false;
  expect(await running).toBe(0);
  expect(fanoutOf(nodes[1])).toBeUndefined();
});
