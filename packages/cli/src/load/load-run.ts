/**
 * One run of a load test: its connections, its account, its latencies, and how it ends. Producers spread their
 * items over the nodes; consumers share the nodes among them. The first failure of a connection ends the run.
 */
import { setTimeout } from "node:timers/promises";
import type { Progress } from "../terminal/progress.ts";
import { Latencies } from "./latencies.ts";
import type { Ledger } from "./ledger.ts";
import type { ConnectWire, Wire, WireTarget } from "./wire.ts";

const readWaitMs = 1000;

export interface LoadSetting {
  targets: readonly WireTarget[];
  connect: ConnectWire;
  ledger: Ledger;
  progress: Progress;
  /** When all is put and nothing has come for so long, nothing more will. */
  stalledMs: number;
  interrupted: AbortSignal;
}

/** What one producer puts. */
export interface Production {
  /** Number of its first item. */
  from?: number;
  length: number;
  /** Places of the nodes that it puts to in turn; all unless it is said. */
  nodes?: readonly number[];
  /** Items in one request. */
  burst?: number;
  pauseMs?: number;
}

export class LoadRun {
  readonly ledger: Ledger;
  readonly puts: Latencies = new Latencies();
  readonly gets: Latencies = new Latencies();
  /** Reads that found nothing. */
  misses = 0;
  readonly #setting: LoadSetting;
  readonly #wires: Set<Wire> = new Set();
  #isProducing = true;
  #isEnding = false;
  #lastReceivedMs = Date.now();

  constructor(setting: LoadSetting) {
    this.#setting = setting;
    this.ledger = setting.ledger;
  }

  get nodeCount(): number {
    return this.#setting.targets.length;
  }

  /** A connection to a node, given as its place in the list; it ends with the run. */
  async connect(node: number): Promise<Wire> {
    const wire = await this.#setting.connect(this.#setting.targets[node]!);
    this.#wires.add(wire);
    return wire;
  }

  /** Ends one connection, as a consumer that drops it does. */
  drop(wire: Wire): void {
    this.#wires.delete(wire);
    wire.destroy();
  }

  async flush(queues: readonly string[]): Promise<void> {
    for (let node = 0; node < this.nodeCount; node++) {
      const wire = await this.connect(node);
      for (const queue of queues) await wire.flush(queue);
      this.drop(wire);
    }
  }

  /**
   * Runs producers and consumers side by side. Consumers end when all producers have and nothing is missing, or
   * nothing more comes. Rejects with the first failure, after everything has ended.
   */
  async run(producers: readonly Promise<void>[], consumers: readonly Promise<void>[]): Promise<void> {
    this.#isProducing = true;
    const produced = Promise.all(producers).then(() => {
      this.#isProducing = false;
      this.#lastReceivedMs = Date.now();
    });
    try {
      await Promise.all([produced, ...consumers]);
    } catch (error) {
      this.end();
      // The others fail now, as their connections have ended; one failure is enough to be told.
      await Promise.allSettled([...producers, ...consumers]);
      throw error;
    }
  }

  /** Ends all connections, and with them whatever still runs. */
  end(): void {
    this.#isEnding = true;
    for (const wire of this.#wires) wire.destroy();
  }

  /** Puts items of one producer, in bursts, each burst to the next node. */
  async produce(
    queue: string,
    producer: number,
    { from = 0, length, nodes, burst = 1, pauseMs = 0 }: Production,
  ): Promise<void> {
    const wires = await Promise.all((nodes ?? this.allNodes).map((node) => this.connect(node)));
    let turn = producer;
    for (let number = from; number < from + length && !this.#isEnding; ) {
      const items = Array.from({ length: Math.min(burst, from + length - number) }, (_, index) =>
        this.ledger.item(producer, number + index),
      );
      const wire = wires[turn++ % wires.length]!;
      const startedMs = performance.now();
      await wire.put(queue, items);
      this.puts.record(startedMs);
      this.ledger.stored(producer, items.length);
      number += items.length;
      this.#setting.progress.advance(items.length);
      if (pauseMs > 0) await setTimeout(pauseMs, undefined, { signal: this.#setting.interrupted });
    }
    for (const wire of wires) this.drop(wire);
  }

  /** The nodes that the `index`th of `count` consumers reads: one each, or several if there are more nodes. */
  nodesOf(index: number, count: number): number[] {
    if (count >= this.nodeCount) return [index % this.nodeCount];
    return this.allNodes.filter((node) => node % count === index);
  }

  get allNodes(): number[] {
    return this.#setting.targets.map((_, node) => node);
  }

  /** True until everything is back, or nothing more comes. */
  get isWanting(): boolean {
    if (this.#isEnding) return false;
    if (this.#isProducing) return true;
    return this.ledger.missing > 0 && Date.now() - this.#lastReceivedMs < this.#setting.stalledMs;
  }

  /** Strikes items off that are gone from their queue for good. */
  receive(items: readonly Buffer[], reader: string | null): void {
    for (const data of items) this.ledger.receive(data, reader);
    if (items.length > 0) this.#lastReceivedMs = Date.now();
    this.#setting.progress.advance(items.length);
  }

  /** Takes items from one node until the run is over, or `limit` of them. */
  async consume(
    queue: string,
    node: number,
    reader: string,
    { isWaiting = true, limit = Number.POSITIVE_INFINITY }: { isWaiting?: boolean; limit?: number } = {},
  ): Promise<void> {
    const wire = await this.connect(node);
    for (let length = 0; length < limit && this.isWanting; ) {
      const startedMs = performance.now();
      const data = await wire.take(queue, isWaiting ? readWaitMs : 0);
      if (data === null) {
        this.misses++;
        // Somebody else on this processor has to bring the items.
        if (!isWaiting) await setTimeout(1);
        continue;
      }
      this.gets.record(startedMs);
      length++;
      this.receive([data], reader);
    }
    this.drop(wire);
  }

  /** Opens items on a connection and gives them; empty when none came in a second. */
  async open(wire: Wire, queue: string, lengthMax: number): Promise<Awaited<ReturnType<Wire["open"]>>> {
    const startedMs = performance.now();
    const items = await wire.open(queue, readWaitMs, lengthMax);
    if (items.length === 0) this.misses++;
    else this.gets.record(startedMs);
    return items;
  }

  /** Looks once at each node for items that should not be there any more. */
  async sweep(queues: readonly string[]): Promise<void> {
    for (let node = 0; node < this.nodeCount; node++) {
      const wire = await this.connect(node);
      for (const queue of queues) {
        for (let data = await wire.take(queue, 0); data !== null; data = await wire.take(queue, 0)) {
          this.ledger.receive(data, null);
        }
      }
      this.drop(wire);
    }
  }
}
