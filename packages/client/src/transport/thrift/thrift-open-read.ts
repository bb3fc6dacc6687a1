// An open read over thrift: an item with an id of its own. It belongs to the connection that it was opened on as long
// as that lasts, but may be confirmed or put back over any other.

import type { OpenRead } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import type { LentItem } from "./calls.ts";
import type { ReadConnection } from "./read-connection.ts";

/** What the pool does for its open reads. */
export interface LentOperations {
  confirm(read: ThriftOpenRead): Promise<void>;
  confirmAndOpen(read: ThriftOpenRead): Promise<OpenRead | null>;
  abort(read: ThriftOpenRead): Promise<void>;
}

export class ThriftOpenRead implements OpenRead {
  readonly data: Buffer;
  readonly flags: number;
  readonly queue: string;
  readonly id: bigint;
  /** The connection that it was opened on. */
  readonly opener: ReadConnection;
  readonly #operations: LentOperations;
  /** When it goes back by itself, on the clock of performance.now(). */
  readonly #deadline: number;
  #isSettled = false;

  constructor(
    item: LentItem,
    queue: string,
    opener: ReadConnection,
    autoAbortMs: number,
    operations: LentOperations,
  ) {
    this.data = item.data;
    this.flags = item.flags;
    this.id = item.id;
    this.queue = queue;
    this.opener = opener;
    this.#deadline = performance.now() + autoAbortMs;
    this.#operations = operations;
  }

  get isLost(): boolean {
    return !this.#isSettled && (!this.opener.isReady || performance.now() > this.#deadline);
  }

  // Whether it really is lost the node knows best: it may not have noticed the end of the connection.

  async confirm(): Promise<void> {
    this.#begin();
    await this.#operations.confirm(this);
  }

  async confirmAndOpen(): Promise<OpenRead | null> {
    this.#begin();
    return this.#operations.confirmAndOpen(this);
  }

  async abort(): Promise<void> {
    if (this.#isSettled) return;
    this.#isSettled = true;
    await this.#operations.abort(this);
  }

  #begin(): void {
    if (this.#isSettled) throw new TransportError("lost", "this read was settled already");
    this.#isSettled = true;
  }
}
