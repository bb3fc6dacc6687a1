// What comes of looking for an item on several nodes.

import type { OpenRead } from "../transport/transport.ts";
import type { TransportError } from "../transport/transport-error.ts";
import type { ClusterNode } from "./node.ts";

/** An item that was found, open at a node. */
export interface FoundRead {
  readonly queue: string;
  readonly node: ClusterNode;
  readonly read: OpenRead;
}

/** A node that could not be asked, or did not answer, and why if that is known. */
export interface UnaskedNode {
  readonly node: ClusterNode;
  readonly error: TransportError | undefined;
}

export type ReadOutcome =
  | { readonly found: FoundRead }
  | { readonly found: null; readonly unasked: readonly UnaskedNode[] };
