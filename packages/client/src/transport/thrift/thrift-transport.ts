// One node over thrift: a shared pipe for puts and everything that is answered at once, and a pool of connections for
// reads, on each of which many items may be open.

import { RequestPipe } from "../request-pipe.ts";
import type { NodeTransport, OpenRead, PutAnswer, RawBatch, RawItem, RawPut } from "../transport.ts";
import { type Call, peekCall, putCall, queueCall, statsCall, versionCall } from "./calls.ts";
import { RefusedCall } from "./refused-call.ts";
import { ThriftConnection, type ThriftConnectionOptions } from "./thrift-connection.ts";
import { ThriftReads } from "./thrift-reads.ts";
import { wireExpiration } from "./wire-expiration.ts";

export interface ThriftTransportOptions extends ThriftConnectionOptions {
  /** For an answer to be there, measured from the writing; a waiting read gets its wait on top. */
  readonly timeoutMs: number;
  /** Connections for reads, of which each that waits needs one. */
  readonly readConnectionsMax: number;
  /** After this long without use a read's connection is ended. */
  readonly idleMs: number;
  /** Requests that may wait for their turn at this node; more are refused as busy. */
  readonly waitingMax: number;
  /** Their bytes. */
  readonly waitingBytesMax: number;
  /** After so long an open item goes back, whatever becomes of its connection. */
  readonly autoAbortMs: number;
}

const IN_FLIGHT_MAX = 1024;
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;

export class ThriftTransport implements NodeTransport {
  readonly #pipe: RequestPipe<ThriftConnection, Call<unknown>, unknown>;
  readonly #reads: ThriftReads;

  constructor(options: ThriftTransportOptions) {
    this.#pipe = new RequestPipe({
      connect: (signal) => ThriftConnection.connect(options, signal),
      ask: (connection, call) => connection.call(call, options.timeoutMs),
      sizeOf: ({ frame }) => frame.length,
      inFlightMax: IN_FLIGHT_MAX,
      inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
      waitingMax: options.waitingMax,
      waitingBytesMax: options.waitingBytesMax,
    });
    this.#reads = new ThriftReads({
      ...options,
      connect: (signal) => ThriftConnection.connect(options, signal),
      connectionsMax: options.readConnectionsMax,
    });
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#ask(versionCall(), signal);
  }

  async put(queue: string, item: RawPut, signal?: AbortSignal): Promise<PutAnswer> {
    const { data, flags, expiry } = item;
    const call = putCall({ queue, items: [data], flags, expirationMs: wireExpiration(expiry, Date.now()) });
    try {
      // Whether the queue was full or the item too large for it, the protocol doesn't say.
      return (await this.#ask(call, signal)) > 0 ? "stored" : "full";
    } catch (error) {
      if (error instanceof RefusedCall && error.isTooLarge) return "too-large";
      throw error;
    }
  }

  async putMany(queue: string, batch: RawBatch, signal?: AbortSignal): Promise<number> {
    const { items, flags, expiry } = batch;
    const call = putCall({ queue, items, flags, expirationMs: wireExpiration(expiry, Date.now()) });
    return this.#ask(call, signal);
  }

  openRead(queue: string, waitMs: number, signal?: AbortSignal): Promise<OpenRead | null> {
    return this.#reads.open(queue, waitMs, signal);
  }

  openMany(queue: string, lengthMax: number, signal?: AbortSignal): Promise<OpenRead[]> {
    return this.#reads.openMany(queue, lengthMax, signal);
  }

  async peek(queue: string, signal?: AbortSignal): Promise<RawItem | null> {
    const { head, headFlags } = await this.#ask(peekCall(queue), signal);
    return head === null ? null : { data: head, flags: headFlags };
  }

  async deleteQueue(queue: string, signal?: AbortSignal): Promise<void> {
    await this.#ask(queueCall("delete_queue", queue), signal);
  }

  async flushQueue(queue: string, signal?: AbortSignal): Promise<void> {
    await this.#ask(queueCall("flush_queue", queue), signal);
  }

  /** Rejects with `invalid` on nodes of others, whose thrift has no word for it. */
  async stats(signal?: AbortSignal): Promise<Map<string, string>> {
    return this.#ask(statsCall(""), signal);
  }

  /** On nodes of others it creates the queue. */
  async itemsIn(queue: string): Promise<number> {
    try {
      const stats = await this.#ask(statsCall(queue));
      return Number(stats.get("items") ?? 0);
    } catch (error) {
      if (!(error instanceof RefusedCall && error.isUnknownMethod)) throw error;
      return (await this.#ask(peekCall(queue))).items;
    }
  }

  drained(): Promise<void> {
    return this.#reads.drained();
  }

  async close(): Promise<void> {
    await Promise.all([this.#pipe.close(), this.#reads.close()]);
  }

  async #ask<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    return (await this.#pipe.send(call, signal)) as T;
  }
}
