// One queue whose items are values of one type.

import type { BatchOutcome, ConsumeOptions, GetOptions, ItemData, PutOptions } from "./call-options.ts";
import type { PutOutcome } from "./cluster/placement.ts";
import type { Codec } from "./codec.ts";
import type { ConsumedItem, Consumer, Handler } from "./consumer/consumer.ts";
import type { Item, OpenItem } from "./item.ts";

/** An item with the value that it stands for. */
export class TypedItem<T, I extends Item = Item> {
  /** The item itself: where it came from, its bytes; and confirm() and abort() when it is open. */
  readonly item: I;
  readonly #codec: Codec<T>;

  constructor(item: I, codec: Codec<T>) {
    this.item = item;
    this.#codec = codec;
  }

  /** The value. Throws what the codec throws when the item can't be understood; the item is there all the same. */
  get value(): T {
    return this.#codec.decode(this.item);
  }
}

/** How to put a value; its flags are the codec's. */
export type TypedPutOptions = Omit<PutOptions, "flags">;

/** What a typed queue needs of its client. */
export interface QueueCalls {
  put(queue: string, data: ItemData, options?: PutOptions): Promise<PutOutcome>;
  putMany(queue: string, items: readonly ItemData[], options?: PutOptions): Promise<BatchOutcome[]>;
  get(queue: string, options?: GetOptions): Promise<Item | null>;
  open(queue: string, options?: GetOptions): Promise<OpenItem | null>;
  peek(queue: string, options?: Omit<GetOptions, "wait">): Promise<Item | null>;
  getMany(queue: string, length: number, options?: GetOptions): Promise<Item[]>;
  consume(queue: string, handler: Handler, options?: ConsumeOptions): Consumer;
  items(queue: string, options?: GetOptions): AsyncIterable<OpenItem>;
}

/** The calls of KestrelClusterClient for one queue, with values in place of bytes. Made by its queue(). */
export class TypedQueue<T> {
  /** The queue's name, without the namespace. */
  readonly name: string;
  readonly #client: QueueCalls;
  readonly #codec: Codec<T>;

  constructor(client: QueueCalls, name: string, codec: Codec<T>) {
    this.#client = client;
    this.name = name;
    this.#codec = codec;
  }

  /** As KestrelClusterClient.put(). Rejects also with what the codec throws when the value can't be put. */
  async put(value: T, options: TypedPutOptions = {}): Promise<PutOutcome> {
    const { data, flags } = this.#codec.encode(value);
    return this.#client.put(this.name, data, { ...options, flags });
  }

  /** As KestrelClusterClient.putMany(). Rejects also with what the codec throws, before anything is sent. */
  async putMany(values: readonly T[], options: TypedPutOptions = {}): Promise<BatchOutcome[]> {
    const encoded = values.map((value) => this.#codec.encode(value));
    const outcomes: BatchOutcome[] = [];
    // A codec may mark its values in different ways, a batch has one mark: those of the same go together.
    const batches = [...new Set(encoded.map(({ flags }) => flags))].map(async (flags) => {
      const indexes = [...encoded.keys()].filter((index) => encoded[index]!.flags === flags);
      const data = indexes.map((index) => encoded[index]!.data);
      const results = await this.#client.putMany(this.name, data, { ...options, flags });
      for (const [i, outcome] of results.entries()) outcomes[indexes[i]!] = outcome;
    });
    await Promise.all(batches);
    return outcomes;
  }

  /** As KestrelClusterClient.get(). */
  async get(options?: GetOptions): Promise<TypedItem<T> | null> {
    return this.#typed(await this.#client.get(this.name, options));
  }

  /** As KestrelClusterClient.open(). */
  async open(options?: GetOptions): Promise<TypedItem<T, OpenItem> | null> {
    return this.#typed(await this.#client.open(this.name, options));
  }

  /** As KestrelClusterClient.peek(). */
  async peek(options?: Omit<GetOptions, "wait">): Promise<TypedItem<T> | null> {
    return this.#typed(await this.#client.peek(this.name, options));
  }

  /** As KestrelClusterClient.getMany(). */
  async getMany(length: number, options?: GetOptions): Promise<TypedItem<T>[]> {
    const items = await this.#client.getMany(this.name, length, options);
    return items.map((item) => new TypedItem(item, this.#codec));
  }

  /** As KestrelClusterClient.consume(); an item that can't be understood is a failure of its handler. */
  consume(handler: (value: T, item: ConsumedItem) => unknown, options?: ConsumeOptions): Consumer {
    return this.#client.consume(this.name, (item) => handler(this.#codec.decode(item), item), options);
  }

  /** As KestrelClusterClient.items(). */
  async *items(options?: GetOptions): AsyncGenerator<TypedItem<T, OpenItem>, void, undefined> {
    for await (const item of this.#client.items(this.name, options)) yield new TypedItem(item, this.#codec);
  }

  #typed<I extends Item>(item: I | null): TypedItem<T, I> | null {
    return item === null ? null : new TypedItem(item, this.#codec);
  }
}
