// The nodes of one client, by their stable ids, and the ring over them. Tells listeners whenever there may be
// more or fewer nodes to ask than before.

import { parentOf } from "../queue-name.ts";
import type { ClusterNode, NodeChange } from "./node.ts";
import { Ring } from "./ring.ts";

export type ClusterListener = (node: ClusterNode, change: NodeChange) => void;

export class Cluster {
  #nodes = new Map<string, ClusterNode>();
  #ring: Ring = new Ring([]);
  readonly #listeners = new Set<ClusterListener>();

  /** All nodes, in the order in which they were added. */
  get nodes(): ClusterNode[] {
    return [...this.#nodes.values()];
  }

  get length(): number {
    return this.#nodes.size;
  }

  /** Replaces the members. Closing those that leave is the caller's business. */
  setNodes(nodes: readonly ClusterNode[]): void {
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
    this.#ring = new Ring(nodes);
  }

  findNode(id: string): ClusterNode | undefined {
    return this.#nodes.get(id);
  }

  /** All nodes in the order of the ring: the first is the key's own, the others stand in for it in turn. */
  nodesForKey(key: string): ClusterNode[] {
    return this.#ring.order(key).map((id) => this.#nodes.get(id)!);
  }

  /** The same for a queue: the first node is its home. A fanout is at home where what is put into its parent goes. */
  nodesForQueue(queue: string): ClusterNode[] {
    return this.nodesForKey(parentOf(queue));
  }

  /** The id of the queue's home; undefined in an empty cluster. */
  homeOf(queue: string): string | undefined {
    return this.#ring.home(parentOf(queue));
  }

  listen(listener: ClusterListener): void {
    this.#listeners.add(listener);
  }

  /** To be called on each change of a node. */
  announce(node: ClusterNode, change: NodeChange): void {
    for (const listener of this.#listeners) listener(node, change);
  }
}
