/**
 * Mixed load on one node for crash tests, over memcache and thrift: producers that pipeline their puts, consumers
 * that take, that open and then confirm, go on, abort or hang up, that open and never close; items that expire, and
 * queues that are flushed and deleted. All they are told goes into the ledgers.
 */

import { KestrelClientError } from "@kestrel-mq/client";
import { type AsciiClient, ConnectionLost } from "../harness/ascii-client.ts";
import type { KestrelNode } from "../harness/kestrel-node.ts";
import { bodyOf, type Item, type Ledger } from "./ledger.ts";
import { LoneLoad } from "./lone-load.ts";
import type { Random } from "./random.ts";
import { ThriftLoad } from "./thrift-load.ts";

/** What is done to a queue: by many clients, some over thrift too, or by one alone that knows its state exactly. */
export type LoadKind = "one producer" | "many" | "thrift" | "flushed" | "expiring";

export interface LoadQueue {
  name: string;
  kind: LoadKind;
  /** One ledger for the queue, one for each of its fanouts: what is put goes into all. */
  readers: readonly Ledger[];
}

export interface LoadShape {
  node: KestrelNode;
  queues: readonly LoadQueue[];
  random: Random;
  /** Part of the producers' names: no two loads on the same ledgers may share it. */
  name: string;
  /** The load calls `onEnough` after this many answers. */
  answersMax: number;
  onEnough(): void;
}

const openersPerReader = 2;
const pipelineMax = 8;
/** What one client keeps open until the end; see the settings of the node. */
const heldMax = 8;

/** Runs until every connection is lost. Throws what is neither an answer nor a lost connection. */
export async function runLoad(shape: LoadShape): Promise<void> {
  const load = new Load(shape);
  await Promise.all(shape.queues.flatMap((queue) => load.start(queue)));
}

export class Load {
  readonly shape: LoadShape;
  #answers = 0;

  constructor(shape: LoadShape) {
    this.shape = shape;
  }

  /** Each promise is over when its client has lost its connection. */
  start(queue: LoadQueue): Promise<void>[] {
    return this.#workersOf(queue).map((worker) => worker.catch(ignoreLoss));
  }

  #workersOf(queue: LoadQueue): Promise<void>[] {
    if (queue.kind === "flushed") return [new LoneLoad(this, queue).flush()];
    if (queue.kind === "expiring") return [new LoneLoad(this, queue).expire()];
    const thrift = new ThriftLoad(this, queue);
    const workers = [this.#produce(queue, "a")];
    // With one producer only, the order of all items is known.
    if (queue.kind === "many") workers.push(this.#produce(queue, "b"));
    if (queue.kind === "thrift") workers.push(thrift.produce());
    for (const reader of queue.readers) {
      for (let i = 0; i < openersPerReader; i++) workers.push(this.#open(reader));
      workers.push(this.#take(reader));
      if (queue.kind === "many") workers.push(this.#hold(reader));
      if (queue.kind === "thrift") workers.push(thrift.open(reader));
    }
    return workers;
  }

  /** One more answer has come. */
  count(): void {
    this.#answers++;
    if (this.#answers === this.shape.answersMax) this.shape.onEnough();
  }

  /** Tells the ledgers; the answer must be STORED. `lifeSeconds`: 0: for ever. */
  async put(client: AsciiClient, queue: LoadQueue, item: Item, lifeSeconds = 0): Promise<void> {
    for (const reader of queue.readers) reader.sending(item, lifeSeconds === 0 ? null : lifeSeconds * 1000);
    const answer = await client.put(queue.name, bodyOf(item), 0, lifeSeconds);
    if (answer !== "STORED") throw new Error(`a put was answered with ${answer}`);
    for (const reader of queue.readers) reader.stored(item);
    this.count();
  }

  itemSize(): number {
    const { random } = this.shape;
    return random.chance(0.02) ? random.magnitude(10_000, 300_000) : random.magnitude(10, 5_000);
  }

  async #produce(queue: LoadQueue, index: string): Promise<void> {
    const { node, random, name } = this.shape;
    await using client = await node.client();
    const producer = `${name}.${index}`;
    for (let number = 0; ; ) {
      const puts = Array.from({ length: random.whole(1, pipelineMax) }, () =>
        this.put(client, queue, { queue: queue.name, producer, number: number++, size: this.itemSize() }),
      );
      await Promise.all(puts);
    }
  }

  async #take(ledger: Ledger): Promise<void> {
    await using client = await this.shape.node.client();
    for (;;) {
      ledger.taking();
      const value = await client.get(`${ledger.queue}/t=20`);
      ledger.took(value?.data ?? null);
      this.count();
    }
  }

  async #open(ledger: Ledger): Promise<void> {
    for (;;) {
      await using client = await this.shape.node.client();
      await this.#openUntilHangUp(client, ledger);
    }
  }

  /** Keeps what it gets open, in the way of every segment that is done but for it, until the connection is lost. */
  async #hold(ledger: Ledger): Promise<void> {
    await using client = await this.shape.node.client();
    for (let held = 0; ; ) {
      const value = held < heldMax ? await client.get(`${ledger.queue}/open/t=20`) : null;
      if (value !== null && ledger.opened(value.data) !== null) held++;
      // The connection's end is noticed by this, too.
      await client.line("version");
    }
  }

  /** Goes through reliable reads, and returns with an item still open. */
  async #openUntilHangUp(client: AsciiClient, ledger: Ledger): Promise<void> {
    const { random } = this.shape;
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
      this.count();
    }
  }
}

function ignoreLoss(error: unknown): void {
  const { code } = error as { code?: string };
  if (error instanceof ConnectionLost || code === "ECONNREFUSED" || code === "ECONNRESET") return;
  const lossCodes = ["unknown", "no-node", "node-down", "lost"];
  if (error instanceof KestrelClientError && lossCodes.includes(error.code)) return;
  throw error;
}
