// Where a reader turns to next: to the node that last had an item for it, since that may have more, but after a
// batch to the next one, so that no node is left behind.

import type { ClusterNode } from "./node.ts";

/** Items taken from one node in a row before the next one gets its turn. */
const BATCH_LENGTH = 32;
const CURSORS_MAX = 10_000;

/** One reader's place in one queue. */
export class ReadCursor {
  #id: string | undefined;
  #taken = 0;

  /** The nodes in the order in which they are to be asked now; a new reader begins anywhere. */
  order(nodes: readonly ClusterNode[]): readonly ClusterNode[] {
    if (nodes.length < 2) return nodes;
    const index = nodes.findIndex(({ id }) => id === this.#id);
    const start = index >= 0 ? index : Math.floor(Math.random() * nodes.length);
    return start === 0 ? nodes : [...nodes.slice(start), ...nodes.slice(0, start)];
  }

  /** An item was taken from this node, one of those that there are to read from. */
  found(node: ClusterNode, nodes: readonly ClusterNode[]): void {
    this.#taken = this.#id === node.id ? this.#taken + 1 : 1;
    this.#id = node.id;
    if (this.#taken < BATCH_LENGTH) return;
    this.#id = nodes[(nodes.indexOf(node) + 1) % nodes.length]?.id;
    this.#taken = 0;
  }

  /** Whether this node's turn goes on. */
  isAt(node: ClusterNode): boolean {
    return this.#id === node.id;
  }
}

/** One reader's places in many queues. */
export class ReadCursors {
  readonly #cursors = new Map<string, ReadCursor>();

  of(queue: string): ReadCursor {
    let cursor = this.#cursors.get(queue);
    if (cursor !== undefined) return cursor;
    cursor = new ReadCursor();
    this.#cursors.set(queue, cursor);
    // Forgetting one costs a miss at most.
    if (this.#cursors.size > CURSORS_MAX) this.#cursors.delete(this.#cursors.keys().next().value!);
    return cursor;
  }
}
