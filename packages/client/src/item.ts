// Items as users get them.

import { retriesIn, withoutRetries } from "./consumer/attempts.ts";
import { clientErrorOf, KestrelClientError } from "./errors.ts";
import type { OpenRead, RawItem } from "./transport/transport.ts";
import { TransportError } from "./transport/transport-error.ts";

/** An item that was read. Its data is yours to keep. */
export class Item {
  /** The queue's name, without the namespace. */
  readonly queue: string;
  /** The id of the node that it came from. */
  readonly node: string;
  /** As it was put. */
  readonly data: Buffer;
  /** What the producer's client stored beside the data, often a mark of its encoding; 0 unless it said so. */
  readonly flags: number;
  /** How often a consumer with a retry policy has failed with it and put it again. */
  readonly retries: number;

  constructor(queue: string, node: string, raw: RawItem) {
    this.queue = queue;
    this.node = node;
    this.data = raw.data;
    this.flags = withoutRetries(raw.flags);
    this.retries = retriesIn(raw.flags);
  }

  /** The data as UTF-8 text. */
  text(): string {
    return this.data.toString("utf8");
  }

  /** The data parsed as JSON. Throws a SyntaxError if it is none. */
  json(): unknown {
    return JSON.parse(this.text());
  }
}

/**
 * An item that is set aside for you until you confirm it. When you abort it, when your process ends, or when
 * its connection breaks, it goes back to its old place in its queue and is handed out again.
 *
 *     await using item = await client.open("jobs", { wait: 10_000 });
 *     if (item) { await work(item.json()); await item.confirm(); }   // goes back if work() throws
 */
export class OpenItem extends Item implements AsyncDisposable {
  readonly #read: OpenRead;
  #state: "open" | "confirmed" | "aborted" = "open";
  #settled: Promise<void> | undefined;

  constructor(queue: string, node: string, read: OpenRead) {
    super(queue, node, read);
    this.#read = read;
  }

  /** It was confirmed or aborted, whatever came of that. */
  get isSettled(): boolean {
    return this.#state !== "open";
  }

  /** The item has already gone back to its queue, because the connection it was open on has ended. */
  get isLost(): boolean {
    return this.#state === "open" && this.#read.isLost;
  }

  /**
   * Removes the item for good; resolves when the node has said so. Rejects with `lost` when the item had gone
   * back to its queue before (somebody will handle it again), with `unknown` when the connection broke before
   * the answer (it may be gone, or may come again), with `bad-request` after an abort. Calling it again gives
   * the same outcome.
   */
  confirm(): Promise<void> {
    if (this.#state === "aborted") {
      return Promise.reject(new KestrelClientError("bad-request", "the item was put back already"));
    }
    if (this.#state === "open") {
      this.#state = "confirmed";
      this.#settled = this.#confirm();
    }
    return this.#settled!;
  }

  /**
   * Confirms this item and opens the next one of its queue, on the same node, in one round trip. Null: the item
   * is confirmed, and the node has no other. Rejects as confirm() does.
   */
  async confirmAndOpen(): Promise<OpenItem | null> {
    if (this.#state !== "open") throw new KestrelClientError("bad-request", "the item was settled already");
    const next = this.#read.confirmAndOpen();
    this.#state = "confirmed";
    this.#settled = next.then(
      () => {},
      (error: unknown) => {
        throw this.#translate(error);
      },
    );
    await this.#settled;
    const read = await next;
    return read === null ? null : new OpenItem(this.queue, this.node, read);
  }

  /**
   * Puts the item back where it was, to be handed out again. Resolves when that is certain, also if it takes
   * ending the connection. Rejects with `bad-request` after a confirm. Calling it again does nothing.
   */
  abort(): Promise<void> {
    if (this.#state === "confirmed") {
      return Promise.reject(new KestrelClientError("bad-request", "the item was confirmed already"));
    }
    if (this.#state === "open") {
      this.#state = "aborted";
      this.#settled = this.#read.abort();
    }
    return this.#settled!;
  }

  /** Puts the item back unless it was confirmed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "open") await this.abort();
  }

  async #confirm(): Promise<void> {
    try {
      await this.#read.confirm();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): unknown {
    return error instanceof TransportError ? clientErrorOf(error, this.node) : error;
  }
}
