/**
 * On paper, with the client's own ring: how evenly queues lie on the nodes of a cluster, and what a lost node costs.
 * Nothing is started and nothing is timed; the figures are the same each time.
 */

import { atLeast, type Section, whole } from "../section.ts";
import type { Bench, Suite } from "./suite.ts";

const sizes = [2, 10, 100];
const queueCount = 10_000;

/** The part of the client's `Ring` that places a queue; the package does not export it. */
interface Ring {
  home(queue: string): string | undefined;
}

type RingClass = new (members: readonly { id: string; weight: number }[]) => Ring;

export const placing: Suite = {
  name: "placing",
  about: "on paper: 10,000 queues on 2, 10 and 100 nodes, balance and the cost of a lost node",
  run: measurePlacing,
};

interface Placing {
  nodes: number;
  least: number;
  median: number;
  most: number;
  /** Shares of all queues that change their home when a node is lost: the mean over all nodes, and the greatest. */
  movedMean: number;
  movedMost: number;
  /** Queues that move though their node is still there. */
  movedInVain: number;
  /** On how many nodes those of the lost one come to lie, at the least. */
  heirsLeast: number;
  /** Queues of the busiest node after the worst loss. */
  mostAfter: number;
}

async function measurePlacing(_: Bench): Promise<Section> {
  const program = new URL("cluster/ring.js", import.meta.resolve("@kestrel-mq/client"));
  const { Ring } = (await import(program.href)) as { Ring: RingClass };
  const queues = Array.from({ length: queueCount }, (_, number) => `queue-${number}`);
  const found = sizes.map((nodes) => place(Ring, queues, nodes));
  return {
    name: "placing",
    title: "Placing queues on nodes",
    legend: [],
    notes: [
      `${whole(queueCount)} queues, placed by the client's ring on nodes of the same weight; then each node is lost in turn.`,
      "“Moved” is the share of all queues that get another home by that: the mean over all losses, and the greatest.",
      "“Heirs” is the least number of nodes on which the queues of a lost one come to lie.",
    ],
    head: [
      "nodes",
      "queues on a node: least",
      "median",
      "most",
      "moved",
      "at most",
      "heirs",
      "most after a loss",
    ],
    rows: found.map((one) => [
      String(one.nodes),
      whole(one.least),
      whole(one.median),
      whole(one.most),
      share2(one.movedMean),
      share2(one.movedMost),
      String(one.heirsLeast),
      whole(one.mostAfter),
    ]),
    chart: [],
    verdicts: [
      atLeast(
        "queues of a lost node, of all that move",
        1 - Math.max(...found.map(({ movedInVain }) => movedInVain)) / queueCount,
        1,
      ),
    ],
  };
}

function place(Ring: RingClass, queues: readonly string[], nodes: number): Placing {
  const members = Array.from({ length: nodes }, (_, number) => ({ id: `node-${number}`, weight: 1 }));
  const homes = homesOf(new Ring(members), queues);
  const counts = members.map(({ id }) => countOf(homes, id)).sort((a, b) => a - b);
  const losses = members.map(({ id }) => {
    const after = homesOf(new Ring(members.filter((other) => other.id !== id)), queues);
    const moved = queues.map((_, i) => i).filter((i) => after[i] !== homes[i]);
    const heirs = new Set(moved.map((i) => after[i]));
    const most = Math.max(...members.map((other) => countOf(after, other.id)));
    return {
      moved: moved.length,
      inVain: moved.filter((i) => homes[i] !== id).length,
      heirs: heirs.size,
      most,
    };
  });
  return {
    nodes,
    least: counts[0]!,
    median: counts[counts.length >> 1]!,
    most: counts.at(-1)!,
    movedMean: losses.reduce((sum, { moved }) => sum + moved, 0) / nodes / queues.length,
    movedMost: Math.max(...losses.map(({ moved }) => moved)) / queues.length,
    movedInVain: Math.max(...losses.map(({ inVain }) => inVain)),
    heirsLeast: Math.min(...losses.map(({ heirs }) => heirs)),
    mostAfter: Math.max(...losses.map(({ most }) => most)),
  };
}

function homesOf(ring: Ring, queues: readonly string[]): (string | undefined)[] {
  return queues.map((queue) => ring.home(queue));
}

function countOf(homes: readonly (string | undefined)[], id: string): number {
  return homes.filter((home) => home === id).length;
}

function share2(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}
