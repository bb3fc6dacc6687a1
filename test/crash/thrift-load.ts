/** The part of the crash tests' load that goes over thrift: batches of puts, and many open items on one connection. */

import { KestrelClusterClient, type OpenItem } from "@kestrel-mq/client";
import { bodyOf, type Item, type Ledger } from "./ledger.ts";
import type { Load, LoadQueue } from "./load.ts";

const batchMax = 8;
const openMax = 8;
const waitMs = 20;

export class ThriftLoad {
  readonly #load: Load;
  readonly #queue: LoadQueue;

  constructor(load: Load, queue: LoadQueue) {
    this.#load = load;
    this.#queue = queue;
  }

  /** Batches, each one call. Rejects when the connection is lost. */
  async produce(): Promise<void> {
    const { random, name } = this.#load.shape;
    await using client = this.#connect();
    for (let number = 0; ; ) {
      const items = Array.from(
        { length: random.whole(1, batchMax) },
        (): Item => ({
          queue: this.#queue.name,
          producer: `${name}.thrift`,
          number: number++,
          size: this.#load.itemSize(),
        }),
      );
      for (const reader of this.#queue.readers) for (const item of items) reader.sending(item);
      const outcomes = await client.putMany(this.#queue.name, items.map(bodyOf));
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.stored === true) for (const reader of this.#queue.readers) reader.stored(items[i]!);
        else if ("error" in outcome) throw outcome.error;
        else throw new Error(`a put was refused: ${outcome.reason}`);
        this.#load.count();
      }
    }
  }

  /** Keeps some items open, and confirms and aborts them in any order. Rejects when the connection is lost. */
  async open(ledger: Ledger): Promise<void> {
    const { random } = this.#load.shape;
    await using client = this.#connect();
    const open: { item: Item; read: OpenItem }[] = [];
    for (;;) {
      const read = await client.open(ledger.queue, { wait: waitMs });
      this.#load.count();
      const item = read === null ? null : ledger.opened(read.data);
      if (read !== null && item !== null) open.push({ item, read });
      if (open.length === 0 || (open.length < openMax && random.chance(0.3))) continue;
      const [chosen] = open.splice(random.whole(0, open.length - 1), 1);
      await this.#settle(ledger, chosen!.item, chosen!.read);
      this.#load.count();
    }
  }

  async #settle(ledger: Ledger, item: Item, read: OpenItem): Promise<void> {
    if (this.#load.shape.random.chance(0.2)) {
      ledger.putBack(item);
      await read.abort();
    } else {
      ledger.confirming(item);
      await read.confirm();
      ledger.confirmed(item);
    }
  }

  #connect(): KestrelClusterClient {
    const { thriftAddress } = this.#load.shape.node;
    return new KestrelClusterClient({ servers: [thriftAddress], transport: "thrift" });
  }
}
