// Nodes that were taken out of the cluster and are not done with yet: nothing more is put on them, but the queues
// that this client reads are read there until they are empty, and open items are let finish.

import { TransportError } from "../transport/transport-error.ts";
import type { ClusterNode } from "./node.ts";

interface Departure {
  /** Queues that still have items there. */
  readonly queues: Set<string>;
  onEmptied: () => void;
}

export class Departures {
  readonly #departures = new Map<ClusterNode, Departure>();

  get nodes(): ClusterNode[] {
    return [...this.#departures.keys()];
  }

  /** The leaving nodes that still have items of the queue. */
  placesOf(queue: string): ClusterNode[] {
    if (this.#departures.size === 0) return [];
    return this.nodes.filter((node) => this.#departures.get(node)!.queues.has(queue));
  }

  /** The node said that it has nothing more of the queue. */
  emptied(queue: string, node: ClusterNode): void {
    const departure = this.#departures.get(node);
    if (departure?.queues.delete(queue) && departure.queues.size === 0) departure.onEmptied();
  }

  /**
   * Lets a node go: resolves when the queues are empty there, nothing is open there any more and its
   * connections have ended; at the latest when the signal says so, and then open items go back. False: items
   * of the queues may be left there. `onBegin` is called when it is known which queues are to be read there.
   */
  async depart(
    node: ClusterNode,
    queues: Iterable<string>,
    signal: AbortSignal,
    onBegin: () => void,
  ): Promise<boolean> {
    const departure: Departure = { queues: new Set(), onEmptied: () => {} };
    this.#departures.set(node, departure);
    const gaveUp = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const isKnown = await Promise.race([findQueues(node, queues, departure.queues), gaveUp]);
    onBegin();
    if (departure.queues.size > 0) {
      await Promise.race([new Promise<void>((resolve) => (departure.onEmptied = resolve)), gaveUp]);
    }
    const isEmpty = isKnown === true && departure.queues.size === 0;
    await Promise.race([node.drained(), gaveUp]);
    this.#departures.delete(node);
    await node.close();
    return isEmpty;
  }
}

/** Finds which of the queues have items there. False: that could not be found out. */
async function findQueues(node: ClusterNode, queues: Iterable<string>, into: Set<string>): Promise<boolean> {
  try {
    for (const queue of queues) {
      if ((await node.itemsIn(queue)) > 0) into.add(queue);
    }
    return true;
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    return false;
  }
}
