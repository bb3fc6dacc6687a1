/**
 * The part of the crash tests' load where order between connections would blur what must be true: each queue here
 * has one client, which waits for its answers before it flushes, deletes, or asks for what may have expired.
 */

import type { AsciiClient } from "../harness/ascii-client.ts";
import type { Item, Ledger } from "./ledger.ts";
import type { Load, LoadQueue } from "./load.ts";

const putsMax = 40;
const lifeSecondsMax = 2;

export class LoneLoad {
  readonly #load: Load;
  readonly #queue: LoadQueue;
  readonly #ledger: Ledger;
  #number = 0;

  constructor(load: Load, queue: LoadQueue) {
    this.#load = load;
    this.#queue = queue;
    this.#ledger = queue.readers[0]!;
  }

  /** Flushes and deletes, some with an item open. Rejects when the connection is lost. */
  async flush(): Promise<void> {
    const { node, random } = this.#load.shape;
    await using client = await node.client();
    for (;;) {
      await this.#put(client, () => 0);
      let item = random.chance(0.5) ? await this.#open(client) : null;
      const isDelete = random.chance(0.3);
      if (random.chance(0.5)) {
        await this.#end(client, isDelete);
        if (isDelete) item = null;
      }
      if (item !== null) await this.#settle(client, item);
      // After an end nothing of what was there may come now.
      await this.#take(client);
    }
  }

  /** Puts of which many expire soon, and gets now and then. Rejects when the connection is lost. */
  async expire(): Promise<void> {
    const { node, random } = this.#load.shape;
    await using client = await node.client();
    for (;;) {
      await this.#put(client, () => random.whole(0, lifeSecondsMax));
      if (random.chance(0.5)) await this.#take(client);
    }
  }

  async #put(client: AsciiClient, lifeSeconds: () => number): Promise<void> {
    const { random, name } = this.#load.shape;
    const puts = Array.from({ length: random.whole(1, putsMax) }, () => {
      const size = random.magnitude(10, 2_000);
      const item: Item = { queue: this.#queue.name, producer: name, number: this.#number++, size };
      return this.#load.put(client, this.#queue, item, lifeSeconds());
    });
    await Promise.all(puts);
  }

  async #take(client: AsciiClient): Promise<void> {
    const askedMs = Date.now();
    this.#ledger.taking();
    const value = await client.get(this.#queue.name);
    this.#ledger.took(value?.data ?? null, askedMs);
    this.#load.count();
  }

  async #open(client: AsciiClient): Promise<Item | null> {
    const value = await client.get(`${this.#queue.name}/open`);
    this.#load.count();
    return value === null ? null : this.#ledger.opened(value.data);
  }

  async #settle(client: AsciiClient, item: Item): Promise<void> {
    const isDone = this.#load.shape.random.chance(0.5);
    if (isDone) this.#ledger.confirming(item);
    else this.#ledger.putBack(item);
    await client.get(`${this.#queue.name}/${isDone ? "close" : "abort"}`);
    if (isDone) this.#ledger.confirmed(item);
    this.#load.count();
  }

  async #end(client: AsciiClient, isDelete: boolean): Promise<void> {
    this.#ledger.flushing(isDelete);
    const answer = await client.line(`${isDelete ? "delete" : "flush"} ${this.#queue.name}`);
    if (answer !== (isDelete ? "DELETED" : "END")) throw new Error(`it was answered with ${answer}`);
    this.#ledger.flushed();
    this.#load.count();
  }
}
