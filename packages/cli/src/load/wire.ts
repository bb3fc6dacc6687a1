/**
 * What a load test needs of one connection to one node: one request at a time, no repeats, no cleverness.
 * An answer that is not what was asked for is a failure, as it would go unnoticed with a forgiving client.
 */
import type { NodeEndpoint } from "@kestrel-mq/client";
import type { Credentials } from "../nodes/credentials.ts";

/** An open item, and what names it when it is confirmed. */
export interface OpenedItem {
  data: Buffer;
  id: unknown;
}

/** Every rejection is a WireFailure; after one the connection has ended. */
export interface Wire {
  /** Resolves when all have been stored. */
  put(queue: string, items: readonly Buffer[]): Promise<void>;
  /** Takes an item; null when none came in time. */
  take(queue: string, waitMs: number): Promise<Buffer | null>;
  /** Opens up to `lengthMax` items, waiting for the first; fewer when there are no more, or no more may be open. */
  open(queue: string, waitMs: number, lengthMax: number): Promise<OpenedItem[]>;
  /** Confirms items that this connection opened, all that it has open. */
  confirm(queue: string, items: readonly OpenedItem[]): Promise<void>;
  flush(queue: string): Promise<void>;
  /** Ends the connection at once, whatever is under way. */
  destroy(): void;
}

/** A node, how long it may take to connect and to answer, and who to say that we are. */
export interface WireTarget extends NodeEndpoint {
  timeoutMs: number;
  credentials?: Credentials;
}

export type ConnectWire = (target: WireTarget) => Promise<Wire>;

/** The node, or what is between, did not do what it was asked to. */
export class WireFailure extends Error {
  override name = "WireFailure";
}
