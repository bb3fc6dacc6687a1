// What discovery needs of a place that knows nodes.

import type { ResolvedNodeSpec } from "../node-address.ts";

/** A node as a source tells of it. */
export interface FoundNode extends ResolvedNodeSpec {
  /** False: it is to be read only. */
  readonly takesPuts: boolean;
}

export type FoundNodes = ReadonlyMap<string, FoundNode>;

/** What a source has found out, by the nodes' ids. Without nodes: what was known before still holds. */
export interface News {
  readonly nodes?: FoundNodes;
  readonly error?: Error | undefined;
  /** The source will never find anything. */
  readonly isFatal?: true;
}

/** Starts to look when it is made, and tells its news again and again, the first soon. */
export interface Source {
  /** Nothing is told any more. */
  close(): Promise<void>;
}
