/**
 * One client for each node of a cluster, for work that is done node by node: reading all of a queue in each
 * node's order, moving items without taking them to another node.
 */

import type { Source } from "../items/reading.ts";
import type { Surroundings } from "../surroundings.ts";
import { type ChosenCluster, type Cluster, withNodesNamed } from "./cluster.ts";

export interface NodeClient extends Source {
  /** The node's id, as its items tell it. */
  name: string;
  cluster: Cluster;
}

/** Runs `work` with a client for each node, and closes them whatever becomes of it. */
export async function withEachNode<T>(
  options: ChosenCluster,
  surroundings: Surroundings,
  work: (nodes: NodeClient[]) => Promise<T>,
): Promise<T> {
  const { servers } = await withNodesNamed(options, surroundings);
  const nodes = servers.map((server): NodeClient => {
    const cluster = surroundings.connect({ ...options, servers: [server] });
    return { name: cluster.nodes()[0]?.id ?? server, cluster };
  });
  try {
    return await work(nodes);
  } finally {
    await Promise.all(nodes.map(({ cluster }) => cluster.close()));
  }
}
