// An open read over memcache: one item, on a connection that belongs to it until it is settled.

import type { OpenRead, RawItem } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import type { MemjsConnection } from "./memjs-connection.ts";

/** What the transport does for its open reads. All end the connection when they fail. */
export interface LeaseOperations {
  settle(lease: MemjsConnection, queue: string, verb: "/close" | "/abort"): Promise<void>;
  confirmAndOpen(lease: MemjsConnection, queue: string): Promise<OpenRead | null>;
}

export class MemcacheOpenRead implements OpenRead {
  readonly data: Buffer;
  readonly flags: number;
  readonly #lease: MemjsConnection;
  readonly #queue: string;
  readonly #operations: LeaseOperations;
  /** Settled once: afterwards the connection may belong to another read. */
  #isSettled = false;

  constructor(item: RawItem, lease: MemjsConnection, queue: string, operations: LeaseOperations) {
    this.data = item.data;
    this.flags = item.flags;
    this.#lease = lease;
    this.#queue = queue;
    this.#operations = operations;
  }

  get isLost(): boolean {
    return !this.#isSettled && !this.#lease.isReady;
  }

  async confirm(): Promise<void> {
    this.#begin();
    await this.#operations.settle(this.#lease, this.#queue, "/close");
  }

  async confirmAndOpen(): Promise<OpenRead | null> {
    this.#begin();
    return this.#operations.confirmAndOpen(this.#lease, this.#queue);
  }

  async abort(): Promise<void> {
    if (this.#isSettled || this.isLost) return;
    this.#isSettled = true;
    try {
      await this.#operations.settle(this.#lease, this.#queue, "/abort");
    } catch (error) {
      // The connection has been ended instead, and that returns the item just as well.
      if (!(error instanceof TransportError)) throw error;
    }
  }

  #begin(): void {
    if (this.#isSettled) throw new TransportError("lost", "this read was settled already");
    if (this.isLost) throw new TransportError("lost", "the connection of this open read has ended");
    this.#isSettled = true;
  }
}
