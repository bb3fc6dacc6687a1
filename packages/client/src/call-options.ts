// What the client's calls can be told, and what they answer.

import type { NodeState } from "./cluster/node.ts";
import type { Operation, OperationCounts } from "./cluster/operations.ts";
import type { PutOutcome } from "./cluster/placement.ts";
import type { FailurePolicy } from "./consumer/failure-policy.ts";
import type { KestrelClientError } from "./errors.ts";

/** What an item can be made of. Text is stored as UTF-8. */
export type ItemData = Buffer | Uint8Array | string;

/** How to put an item. */
export interface PutOptions {
  /** When the item is of no use any more: a moment, or seconds from now. Default: never. */
  readonly expires?: Date | number;
  /** All items with the same key go to the same node, and so keep their order. */
  readonly key?: string;
  /**
   * With a key (or under hash): the item goes to its own node or nowhere. Otherwise another node stands in while
   * that is down, and then items of the key may overtake each other.
   */
  readonly orderedOnly?: boolean;
  /**
   * While the item is surely stored nowhere (all nodes down or draining), keep trying for so long, in
   * milliseconds; nodes that don't let the client in are no reason to stop as long as there are others. Default 0.
   */
  readonly wait?: number;
  /** A number that is stored beside the data and given back with it; bits 16 to 23 must be 0. Default 0. */
  readonly flags?: number;
  /** Ends the attempt. The put rejects with `aborted` if nothing was sent, else with `unknown`. */
  readonly signal?: AbortSignal;
}

/** What every call can be told. */
export interface CallOptions {
  /** Ends the attempt. */
  readonly signal?: AbortSignal;
}

/** How to read. */
export interface GetOptions {
  /** How long to wait for an item when there is none, in milliseconds. Default 0. */
  readonly wait?: number;
  /**
   * When nothing was found but some nodes could not be asked: `"error"` (default) rejects with `node-down`,
   * `"empty"` gives null all the same.
   */
  readonly partial?: "error" | "empty";
  /** Ends the wait with a rejection, `aborted`. No item is lost by it. */
  readonly signal?: AbortSignal;
}

/** How a consumer works. */
export interface ConsumeOptions {
  /**
   * How many handlers may be at work at the same time, 1 to 10,000. Default 1. Over memcache each needs a connection, so
   * at one node there are never more than ClusterOptions.readConnectionsMax.
   */
  readonly concurrency?: number;
  /** What becomes of an item whose handler throws or rejects. Default `"abort"`. */
  readonly onFailure?: FailurePolicy;
  /** Stops the consumer as stop() does, without a deadline. */
  readonly signal?: AbortSignal;
}

/** What became of one item of a batch. */
export type BatchOutcome =
  | PutOutcome
  /** It may have been stored. */
  | { readonly stored: "unknown"; readonly node: string; readonly error: KestrelClientError }
  /** It was surely not stored. */
  | { readonly stored: false; readonly reason: "error"; readonly error: KestrelClientError };

/** What came of something that was asked of all nodes, at the node with this id. */
export type NodeResult =
  | { readonly node: string; readonly ok: true }
  | { readonly node: string; readonly ok: false; readonly error: KestrelClientError };

/** The statistics of the node with this id, by their names in the memcache protocol (`queue_jobs_items`), or why not. */
export type NodeStats =
  | { readonly node: string; readonly ok: true; readonly stats: Map<string, string> }
  | { readonly node: string; readonly ok: false; readonly error: KestrelClientError };

/** A node as the client knows it, without asking. */
export interface NodeInfo {
  /** Its name for ever; "host:port" unless it was given another. */
  readonly id: string;
  readonly host: string;
  /** Of the client's transport. */
  readonly port: number;
  /** Its share of puts and names, against those of the other nodes. */
  readonly weight: number;
  /** Up until found otherwise: a node that was never asked anything counts as up. */
  readonly state: NodeState;
}

/** How a node has answered a request for a sign of life. */
export interface NodeHealth {
  /** The node's id. */
  readonly node: string;
  /** It answered just now. */
  readonly isUp: boolean;
  /** How long the answer took, in milliseconds. Undefined: there was none. */
  readonly latencyMs: number | undefined;
  /** It is up, and has not said lately that its status forbids puts. */
  readonly takesPuts: boolean;
  /** It is up, and has not said lately that its status forbids reads. */
  readonly givesReads: boolean;
  /** Why it gave no sign of life. */
  readonly error: KestrelClientError | undefined;
}

/** How the cluster is, as seen from here. */
export interface ClusterHealth {
  /** Every node answered, and takes puts and gives reads. */
  readonly isWell: boolean;
  /** Puts and reads can be had at all. */
  readonly isUsable: boolean;
  /** One by one. */
  readonly nodes: readonly NodeHealth[];
}

/** What was counted of the requests to one node. */
export interface NodeMetrics {
  /** The node's id. */
  readonly node: string;
  /** Counts of each kind of request that was sent to it, since the client was made. */
  readonly operations: ReadonlyMap<Operation, Readonly<OperationCounts>>;
}
