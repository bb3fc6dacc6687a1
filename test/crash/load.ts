/**
 * Mixed load on one node for crash tests: producers that pipeline their puts, consumers that take, and consumers
 * that open and then confirm, go on, abort or hang up. All they are told goes into the ledgers.
 */

import { type AsciiClient, ConnectionLost } from "../harness/ascii-client.ts";
import type { KestrelNode } from "../harness/kestrel-node.ts";
import { bodyOf, type Item, type Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";

export interface LoadShape {
  node: KestrelNode;
  ledgers: Ledger[];
  random: Random;
  /** Part of the producers' names: no two loads on the same ledgers may share it. */
  name: string;
  /** The load calls `onEnough` after this many answers. */
  answersMax: number;
  onEnough(): void;
}

const producersPerQueue = 2;
const openersPerQueue = 2;
const pipelineMax = 8;

/** Runs until every connection is lost. Throws what is neither an answer nor a lost connection. */
export async function runLoad(shape: LoadShape): Promise<void> {
  const load = new Load(shape);
  const workers: Promise<void>[] = [];
  for (const [index, ledger] of shape.ledgers.entries()) {
    // The first queue has one producer only: there the order of all items is known.
    for (let i = 0; i < (index === 0 ? 1 : producersPerQueue); i++) workers.push(load.produce(ledger, i));
    for (let i = 0; i < openersPerQueue; i++) workers.push(load.open(ledger));
    workers.push(load.take(ledger));
  }
  await Promise.all(workers.map((worker) => worker.catch(load.ignoreLoss)));
}

class Load {
  readonly #shape: LoadShape;
  #answers = 0;

  constructor(shape: LoadShape) {
    this.#shape = shape;
  }

  async produce(ledger: Ledger, index: number): Promise<void> {
    const { node, random, name } = this.#shape;
    await using client = await node.client();
    const producer = `${name}.${index}`;
    for (let number = 0; ; ) {
      const puts = Array.from({ length: random.whole(1, pipelineMax) }, () => {
        const size = random.chance(0.02) ? random.magnitude(10_000, 300_000) : random.magnitude(10, 5_000);
        return this.#put(client, ledger, { queue: ledger.queue, producer, number: number++, size });
      });
      await Promise.all(puts);
    }
  }

  async take(ledger: Ledger): Promise<void> {
    await using client = await this.#shape.node.client();
    for (;;) {
      ledger.taking();
      const value = await client.get(`${ledger.queue}/t=20`);
      ledger.took(value?.data ?? null);
      this.#count();
    }
  }

  async open(ledger: Ledger): Promise<void> {
    for (;;) {
      await using client = await this.#shape.node.client();
      await this.#openUntilHangUp(client, ledger);
    }
  }

  readonly ignoreLoss = (error: unknown): void => {
    const code = (error as NodeJS.ErrnoException).code;
    if (error instanceof ConnectionLost || code === "ECONNREFUSED" || code === "ECONNRESET") return;
    throw error;
  };

  async #put(client: AsciiClient, ledger: Ledger, item: Item): Promise<void> {
    ledger.sending(item);
    const answer = await client.put(ledger.queue, bodyOf(item));
    if (answer !== "STORED") throw new Error(`a put was answered with ${answer}`);
    ledger.stored(item);
    this.#count();
  }

  /** Goes through reliable reads, and returns with an item still open. */
  async #openUntilHangUp(client: AsciiClient, ledger: Ledger): Promise<void> {
    const { random } = this.#shape;
    let item: Item | null = null;
    for (;;) {
      let options = "open/t=20";
      if (item !== null) {
        if (random.chance(0.02)) return ledger.putBack(item);
        options = random.chance(0.1) ? "abort" : random.chance(0.2) ? "close" : "close/t=20/open";
        if (options === "abort") ledger.putBack(item);
        else ledger.confirming(item);
      }
      const value = await client.get(`${ledger.queue}/${options}`);
      if (item !== null && options !== "abort") ledger.confirmed(item);
      item = value === null ? null : ledger.opened(value.data);
      this.#count();
    }
  }

  #count(): void {
    this.#answers++;
    if (this.#answers === this.#shape.answersMax) this.#shape.onEnough();
  }
}
