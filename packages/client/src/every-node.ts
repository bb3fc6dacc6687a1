// What is asked of every node at once, and answered node by node.

import type { ClusterHealth, NodeHealth } from "./call-options.ts";
import type { ClusterNode } from "./cluster/node.ts";
import { clientErrorOf, type KestrelClientError } from "./errors.ts";
import { TransportError } from "./transport/transport-error.ts";

export interface NodeFailure {
  readonly node: string;
  readonly ok: false;
  readonly error: KestrelClientError;
}

/** Asks all nodes side by side; a node that is down is asked too, and fails for itself. */
export function askEveryNode<T, R>(
  nodes: readonly ClusterNode[],
  request: (node: ClusterNode) => Promise<T>,
  ok: (node: string, answer: T) => R,
): Promise<(R | NodeFailure)[]> {
  const answers = nodes.map(async (node) => {
    try {
      return ok(node.id, await request(node));
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return { node: node.id, ok: false as const, error: clientErrorOf(error, node.id) };
    }
  });
  return Promise.all(answers);
}

/** Pings all nodes; those that have not answered when the signal comes count as down. */
export async function checkHealth(
  nodes: readonly ClusterNode[],
  signal?: AbortSignal,
): Promise<ClusterHealth> {
  const startedAt = performance.now();
  const answers = await askEveryNode(
    nodes,
    (node) => node.ping(signal),
    (node) => ({ node, ok: true as const, latencyMs: performance.now() - startedAt }),
  );
  const health = answers.map((answer, index): NodeHealth => {
    const node = nodes[index]!;
    const isUp = answer.ok || answer.error.code === "unavailable";
    return {
      node: node.id,
      isUp,
      latencyMs: answer.ok ? answer.latencyMs : undefined,
      takesPuts: isUp && node.isFit("puts"),
      givesReads: isUp && node.isFit("reads"),
      error: answer.ok ? undefined : answer.error,
    };
  });
  return {
    isWell: health.every(({ isUp, takesPuts, givesReads }) => isUp && takesPuts && givesReads),
    isUsable: health.some(({ takesPuts }) => takesPuts) && health.some(({ givesReads }) => givesReads),
    nodes: health,
  };
}
