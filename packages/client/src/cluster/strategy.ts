// Which nodes a put or a read turns to, and in which order. Knows who is in the cluster, not who is up: the
// caller passes over nodes that are not fit.

import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./node.ts";
import type { Strays } from "./strays.ts";

/** Where items go; see ClusterOptions.strategy. */
export type StrategyName = "round-robin" | "hash" | "random";

export interface Strategy {
  /** All nodes, best first. */
  putOrder(queue: string, key: string | undefined): ClusterNode[];
  /** Whether a put refused by a full node may go to the next one. */
  spills(key: string | undefined): boolean;
  /**
   * The nodes that have to be asked before "nothing there" may be said; any of them may be asked first. What it
   * says may change with the state of the nodes.
   */
  readPlaces(queue: string): ClusterNode[];
}

/** With hash, strays are what is known of items that are not at home. */
export function createStrategy(name: StrategyName, cluster: Cluster, strays: Strays): Strategy {
  if (name === "hash") return new HashStrategy(cluster, strays);
  return new SpreadStrategy(cluster, name === "random" ? new RandomTurns() : new WeightedTurns());
}

/** Puts go to every node by weight, reads to all of them. A key's items go to one node. */
class SpreadStrategy implements Strategy {
  readonly #cluster: Cluster;
  readonly #turns: Turns;

  constructor(cluster: Cluster, turns: Turns) {
    this.#cluster = cluster;
    this.#turns = turns;
  }

  putOrder(_queue: string, key: string | undefined): ClusterNode[] {
    if (key !== undefined) return this.#cluster.nodesForKey(key);
    const nodes = this.#cluster.nodes;
    return startingAt(nodes, this.#turns.next(nodes));
  }

  spills(key: string | undefined): boolean {
    return key === undefined;
  }

  readPlaces(): ClusterNode[] {
    return this.#cluster.nodes;
  }
}

/** A queue and its fanouts live on its home node; the others stand in while that is down. Keys change nothing. */
class HashStrategy implements Strategy {
  readonly #cluster: Cluster;
  readonly #strays: Strays;

  constructor(cluster: Cluster, strays: Strays) {
    this.#cluster = cluster;
    this.#strays = strays;
  }

  putOrder(queue: string): ClusterNode[] {
    return this.#cluster.nodesForQueue(queue);
  }

  spills(): boolean {
    return false;
  }

  readPlaces(queue: string): ClusterNode[] {
    const order = this.#cluster.nodesForQueue(queue);
    const [home] = order;
    if (home === undefined || !home.isFit("reads")) return order;
    const places = this.#strays.placesOf(queue);
    if (places.size === 0) return [home];
    return order.filter((node) => node === home || (places.has(node) && node.isFit("reads")));
  }
}

function startingAt(nodes: ClusterNode[], start: number): ClusterNode[] {
  return start === 0 ? nodes : [...nodes.slice(start), ...nodes.slice(0, start)];
}

interface Turns {
  /** The index of the node whose turn it is. */
  next(nodes: readonly ClusterNode[]): number;
}

/** Smooth weighted round robin: weights 2 and 1 give a b a, a b a, never a a b. */
class WeightedTurns implements Turns {
  readonly #credit = new WeakMap<ClusterNode, number>();
  #isFirst = true;

  next(nodes: readonly ClusterNode[]): number {
    let total = 0;
    let best = 0;
    let bestCredit = Number.NEGATIVE_INFINITY;
    for (const [index, node] of nodes.entries()) {
      // Many clients that put one item each must not all put it on the first node.
      const before = this.#isFirst ? Math.random() * node.weight : (this.#credit.get(node) ?? 0);
      const credit = before + node.weight;
      this.#credit.set(node, credit);
      total += node.weight;
      if (credit > bestCredit) {
        best = index;
        bestCredit = credit;
      }
    }
    this.#isFirst = false;
    const chosen = nodes[best];
    if (chosen !== undefined) this.#credit.set(chosen, bestCredit - total);
    return best;
  }
}

class RandomTurns implements Turns {
  next(nodes: readonly ClusterNode[]): number {
    let rest = Math.random() * nodes.reduce((total, node) => total + node.weight, 0);
    const index = nodes.findIndex((node) => (rest -= node.weight) < 0);
    return Math.max(0, index);
  }
}
