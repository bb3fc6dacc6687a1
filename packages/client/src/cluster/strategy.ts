// Which nodes a put or a read turns to, and in which order. Knows who is in the cluster, not who is up: the
// caller passes over nodes that are not fit.

import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./node.ts";

export type StrategyName = "round-robin" | "hash" | "random";

export interface Strategy {
  /** All nodes, best first. */
  putOrder(queue: string, key: string | undefined): ClusterNode[];
  /** Whether a put refused by a full node may go to the next one. */
  spills(key: string | undefined): boolean;
  /**
   * The nodes that have to be asked before "nothing there" may be said, best first. What it says may change
   * with the state of the nodes.
   */
  readOrder(queue: string): ClusterNode[];
  /** An item of the queue was found there. */
  found(queue: string, node: ClusterNode): void;
}

export function createStrategy(name: StrategyName, cluster: Cluster): Strategy {
  if (name === "hash") return new HashStrategy(cluster);
  return new SpreadStrategy(cluster, name === "random" ? new RandomTurns() : new WeightedTurns());
}

/** Puts go to every node by weight, reads to all of them. A key's items go to one node. */
class SpreadStrategy implements Strategy {
  readonly #cluster: Cluster;
  readonly #turns: Turns;
  readonly #cursors = new ReadCursors();

  constructor(cluster: Cluster, turns: Turns) {
    this.#cluster = cluster;
    this.#turns = turns;
  }

  putOrder(_queue: string, key: string | undefined): ClusterNode[] {
    if (key !== undefined) return this.#cluster.nodesFor(key);
    const nodes = this.#cluster.nodes;
    return startingAt(nodes, this.#turns.next(nodes));
  }

  spills(key: string | undefined): boolean {
    return key === undefined;
  }

  readOrder(queue: string): ClusterNode[] {
    const nodes = this.#cluster.nodes;
    return startingAt(nodes, this.#cursors.start(queue, nodes));
  }

  found(queue: string, node: ClusterNode): void {
    this.#cursors.found(queue, node, this.#cluster.nodes);
  }
}

/** A queue lives on its home node; the others stand in while that is down. Keys change nothing. */
class HashStrategy implements Strategy {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  putOrder(queue: string): ClusterNode[] {
    return this.#cluster.nodesFor(queue);
  }

  spills(): boolean {
    return false;
  }

  readOrder(queue: string): ClusterNode[] {
    const order = this.#cluster.nodesFor(queue);
    return order[0]?.isFit("reads") ? [order[0]] : order;
  }

  found(): void {}
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

/** Items taken from one node in a row before the next one gets its turn. */
const BATCH_LENGTH = 32;
const CURSORS_MAX = 10_000;

/**
 * Where to read next, for each queue: at the node that last had an item, since it may have more; but after a
 * batch at the next one, so that no node is left behind.
 */
class ReadCursors {
  readonly #cursors = new Map<string, { id: string; taken: number }>();

  start(queue: string, nodes: readonly ClusterNode[]): number {
    const id = this.#cursors.get(queue)?.id;
    const index = nodes.findIndex((node) => node.id === id);
    return index >= 0 ? index : Math.floor(Math.random() * nodes.length);
  }

  found(queue: string, node: ClusterNode, nodes: readonly ClusterNode[]): void {
    const cursor = this.#cursors.get(queue);
    const taken = cursor?.id === node.id ? cursor.taken + 1 : 1;
    if (taken < BATCH_LENGTH) {
      this.#set(queue, node.id, taken);
    } else {
      const next = nodes[(nodes.indexOf(node) + 1) % nodes.length];
      this.#set(queue, (next ?? node).id, 0);
    }
  }

  #set(queue: string, id: string, taken: number): void {
    const cursor = this.#cursors.get(queue);
    if (cursor !== undefined) {
      cursor.id = id;
      cursor.taken = taken;
      return;
    }
    this.#cursors.set(queue, { id, taken });
    if (this.#cursors.size <= CURSORS_MAX) return;
    // Forgetting one costs a miss at most.
    for (const oldest of this.#cursors.keys()) {
      this.#cursors.delete(oldest);
      return;
    }
  }
}
