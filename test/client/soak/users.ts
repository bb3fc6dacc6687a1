/**
 * The users of one round: 20 producers and 20 consumers of every kind, over two clients. Every call is watched: it has
 * to come to an end within a bound, whatever happens to the nodes. What becomes of the items goes into a ledger.
 */

import { setTimeout as pause } from "node:timers/promises";
import {
  type BatchOutcome,
  type ClusterOptions,
  type ConsumedItem,
  type ConsumeOptions,
  type Item,
  KestrelClientError,
  KestrelClusterClient,
  type PutOptions,
} from "@kestrel-mq/client";
import type { Random } from "../../crash/random.ts";
import { Ledger, type PutState } from "./ledger.ts";

const queues = {
  worked: ["worked-0", "worked-1", "worked-2"],
  retried: "retried",
  looped: "looped",
  opened: "opened",
  taken: "taken",
} as const;
const names = Object.values(queues).flat();

const producerCount = 20;
/** Above this, producers wait: consumers are to keep up, and the end of a round is not to be waited for. */
const missingMax = 2_000;
const waitMs = 300;

/** What may happen to a put, and what it says of the item. Any other end is a violation. */
const putErrors: Record<string, PutState> = {
  unknown: "unknown",
  "no-node": "refused",
  unavailable: "refused",
  busy: "refused",
  aborted: "refused",
};
const readErrors: ReadonlySet<string> = new Set(["node-down", "aborted", "busy", "unavailable", "closed"]);

export class Users {
  readonly ledger: Ledger = new Ledger(names);
  /** The longest that any call of a name has taken, in milliseconds. */
  readonly longest: Map<string, number> = new Map();
  readonly #outstanding = new Map<Promise<unknown>, { readonly name: string; readonly since: number }>();
  readonly #random: Random;
  readonly #producing: KestrelClusterClient;
  readonly #consuming: KestrelClusterClient;
  readonly #unnamedConfirms = new Map<string, number>();
  readonly #consumed: Promise<unknown>;
  #isEnding = false;
  readonly #leaving = new AbortController();
  readonly #produced: Promise<unknown>;

  constructor(options: ClusterOptions, random: Random) {
    this.#random = random;
    this.#producing = new KestrelClusterClient(options);
    this.#consuming = new KestrelClusterClient({ ...options, observe: (event) => this.#observe(event) });
    this.#consuming.on("item:unconfirmed", ({ item }) => this.ledger.unconfirmed(item.queue, item.data));
    this.#consuming.on("item:failed", () => {});
    this.#consumed = Promise.all([
      ...queues.worked.map((queue) => this.#consume(queue, { concurrency: 4 }, 0.01)),
      this.#consume(
        queues.retried,
        { concurrency: 3, onFailure: { maxAttempts: 256, backoff: { minMs: 1, maxMs: 20 } } },
        0.1,
      ),
      this.#loop(),
      this.#loop(),
      this.#open(),
      this.#take(),
      this.#takeMany(),
    ]);
    this.#produced = Promise.all(Array.from({ length: producerCount }, () => this.#produce()));
  }

  /** How many items were handled so far, the doubled ones counted again. */
  get handled(): number {
    return this.ledger.handledTimes;
  }

  /** Nothing more is put. */
  async endPuts(): Promise<void> {
    this.#isEnding = true;
    await this.#produced;
  }

  /** Consumers stop where they are, and the clients are closed. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    await this.#consumed;
    await this.#watch("close", this.#producing.close());
    await this.#watch("close", this.#consuming.close());
  }

  /** Calls that have not come to an end, and for how long they have been under way. */
  outstanding(): string[] {
    const now = performance.now();
    return [...this.#outstanding.values()].map(
      ({ name, since }) => `${name} for ${Math.round(now - since)} ms`,
    );
  }

  /** How many confirms have failed, by queue, of which the reader was told nothing. */
  get unnamedConfirms(): ReadonlyMap<string, number> {
    return this.#unnamedConfirms;
  }

  #observe({
    operation,
    queue,
    outcome,
  }: {
    operation: string;
    queue: string | undefined;
    outcome: string;
  }): void {
    if (queue !== queues.taken || !operation.startsWith("confirm") || outcome === "ok" || outcome === "empty")
      return;
    this.#unnamedConfirms.set(queue, (this.#unnamedConfirms.get(queue) ?? 0) + 1);
  }

  async #watch<T>(name: string, promise: Promise<T>): Promise<T> {
    const since = performance.now();
    this.#outstanding.set(promise, { name, since });
    try {
      return await promise;
    } finally {
      this.#outstanding.delete(promise);
      this.longest.set(name, Math.max(this.longest.get(name) ?? 0, performance.now() - since));
    }
  }

  async #produce(): Promise<void> {
    while (!this.#isEnding) {
      if (this.ledger.missing > missingMax) await pause(20);
      else if (this.#random.chance(0.1)) await this.#putMany();
      else await this.#put();
      await pause(this.#random.whole(0, 15));
    }
  }

  #newItem(): { queue: string; id: number; data: Buffer } {
    const queue = names[this.#random.whole(0, names.length - 1)]!;
    const size = this.#random.chance(0.01)
      ? this.#random.magnitude(10_000, 500_000)
      : this.#random.whole(10, 2_000);
    return { queue, ...this.ledger.create(queue, size) };
  }

  #putOptions(): PutOptions {
    const key = this.#random.chance(0.2) ? { key: `key ${this.#random.whole(1, 50)}` } : {};
    const orderedOnly = this.#random.chance(0.2);
    return { ...key, orderedOnly, wait: this.#random.chance(0.5) ? waitMs : 0 };
  }

  async #put(): Promise<void> {
    const { queue, id, data } = this.#newItem();
    const options = this.#putOptions();
    const signal = this.#random.chance(0.05)
      ? { signal: AbortSignal.timeout(this.#random.whole(0, 20)) }
      : {};
    try {
      const { stored } = await this.#watch(
        "put",
        this.#producing.put(queue, data, { ...options, ...signal }),
      );
      this.ledger.told(id, stored ? "stored" : "refused");
    } catch (error) {
      this.#failed(id, error);
    }
  }

  async #putMany(): Promise<void> {
    const queue = names[this.#random.whole(0, names.length - 1)]!;
    const items = Array.from({ length: this.#random.whole(2, 20) }, () => this.ledger.create(queue, 100));
    const data = items.map((item) => item.data);
    const outcomes = await this.#watch("putMany", this.#producing.putMany(queue, data, this.#putOptions()));
    for (const [index, outcome] of outcomes.entries()) this.#told(items[index]!.id, outcome);
  }

  #told(id: number, outcome: BatchOutcome): void {
    if (outcome.stored === false && outcome.reason === "error") this.#failed(id, outcome.error);
    else this.ledger.told(id, outcome.stored === true ? "stored" : outcome.stored || "refused");
  }

  #failed(id: number, error: unknown): void {
    const state = error instanceof KestrelClientError ? putErrors[error.code] : undefined;
    if (state === undefined) this.ledger.violations.push(`a put ended with ${error}`);
    this.ledger.told(id, state ?? "unknown");
  }

  /** A consumer that is stopped now and then, and another one put in its place. */
  async #consume(queue: string, options: ConsumeOptions, failures: number): Promise<void> {
    const handler = async (item: ConsumedItem): Promise<void> => {
      if (this.#random.chance(0.3)) await pause(this.#random.whole(0, 30));
      if (this.#random.chance(failures)) throw new Error("bad luck");
      if (!item.signal.aborted) this.ledger.handled(item.queue, item.data);
    };
    while (!this.#leaving.signal.aborted) {
      const consumer = this.#consuming.consume(queue, handler, options);
      await this.#pause(this.#random.magnitude(500, 10_000));
      await this.#watch(
        "stop",
        consumer.stop(this.#random.chance(0.5) ? { deadline: this.#random.whole(0, 20) } : {}),
      );
    }
  }

  /** Loops that end now and then, with an item in hand or without. */
  async #loop(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      const endsAt = performance.now() + this.#random.magnitude(500, 10_000);
      try {
        for await (const item of this.#consuming.items(queues.looped, { signal: this.#leaving.signal })) {
          if (this.#random.chance(0.01)) break;
          this.ledger.handled(item.queue, item.data);
          if (performance.now() < endsAt) continue;
          await this.#settle(item, "confirm");
          break;
        }
      } catch (error) {
        this.#readFailed("items", error);
      }
    }
  }

  async #open(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      try {
        await using item = await this.#watch("open", this.#consuming.open(queues.opened, this.#wait()));
        if (item === null || this.#random.chance(0.05)) continue;
        if (this.#random.chance(0.05)) {
          await this.#watch("abort", item.abort());
          continue;
        }
        this.ledger.handled(item.queue, item.data);
        await this.#settle(item, "confirm");
      } catch (error) {
        this.#readFailed("open", error);
        await pause(10);
      }
    }
  }

  async #settle(item: Item & { confirm(): Promise<void> }, name: string): Promise<void> {
    try {
      await this.#watch(name, item.confirm());
    } catch (error) {
      const { code } = error as KestrelClientError;
      if (code !== "lost" && code !== "unknown") this.ledger.violations.push(`a confirm ended with ${error}`);
      this.ledger.unconfirmed(item.queue, item.data);
    }
  }

  async #take(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      try {
        const item = await this.#watch("get", this.#consuming.get(queues.taken, this.#wait()));
        if (item !== null) this.ledger.handled(item.queue, item.data);
      } catch (error) {
        this.#readFailed("get", error);
        await pause(10);
      }
    }
  }

  async #takeMany(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      try {
        const length = this.#random.whole(1, 30);
        const items = await this.#watch(
          "getMany",
          this.#consuming.getMany(queues.taken, length, this.#wait()),
        );
        for (const item of items) this.ledger.handled(item.queue, item.data);
      } catch (error) {
        this.#readFailed("getMany", error);
        await pause(10);
      }
    }
  }

  #wait(): { wait: number; partial: "error" | "empty"; signal?: AbortSignal } {
    const wait = this.#random.chance(0.8) ? this.#random.whole(1, waitMs) : 0;
    const partial = this.#random.chance(0.5) ? "error" : "empty";
    if (!this.#random.chance(0.1)) return { wait, partial };
    return { wait, partial, signal: AbortSignal.timeout(this.#random.whole(0, waitMs)) };
  }

  #readFailed(name: string, error: unknown): void {
    if (error instanceof KestrelClientError && readErrors.has(error.code)) return;
    this.ledger.violations.push(`${name} ended with ${error}`);
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#leaving.signal }).catch(() => {});
  }
}
