/** Nodes that could not be reached although the work is done: told, so that nobody takes the cluster for whole. */

import { type Surroundings, say } from "../surroundings.ts";
import type { Cluster } from "./cluster.ts";

/** A line for each node that is known to be down; `consequence` says what that meant for the command. */
export function tellNodesDown(
  name: string,
  cluster: Pick<Cluster, "nodes">,
  consequence: string,
  surroundings: Surroundings,
): void {
  for (const { id, state } of cluster.nodes()) {
    if (state === "down") say(surroundings, `kq ${name}: ${id} cannot be reached; ${consequence}`);
  }
}
