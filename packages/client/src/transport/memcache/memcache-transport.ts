// One node over the memcache binary protocol: a shared pipe for puts, peeks and deletes, leases for reads
// (one open item each), and an ASCII connection for what the binary protocol has no word for.

import { fairWaitMs } from "../fair-wait.ts";
import { RequestPipe } from "../request-pipe.ts";
import type { NodeTransport, OpenRead, PutAnswer, RawItem, RawPut } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import { AsciiConnection } from "./ascii-connection.ts";
import { LeasePool } from "./lease-pool.ts";
import { type LeaseOperations, MemcacheOpenRead } from "./memcache-open-read.ts";
import { type ConnectionOptions, MemjsConnection, type Reply } from "./memjs-connection.ts";
import { refusalOf, STATUS } from "./statuses.ts";

export interface MemcacheTransportOptions extends ConnectionOptions {
  /** For an answer to be there, measured from the writing; a waiting read gets its wait on top. */
  readonly timeoutMs: number;
  /** Reads open or waiting at this node at any one time, each with a connection of its own. */
  readonly readConnectionsMax: number;
  /** After this long without use a read's connection is ended. */
  readonly idleMs: number;
  /** Puts that may wait for their turn at this node; more are refused as busy. */
  readonly waitingMax: number;
  /** Their bytes. */
  readonly waitingBytesMax: number;
}

interface MemcacheRequest {
  readonly opcode: number;
  readonly key: string;
  readonly extras?: Buffer;
  readonly value?: Buffer;
}

const OPCODE = { get: 0x00, set: 0x01, delete: 0x04, noop: 0x0a } as const;
/** Of an item without flags that lives for ever. */
const NO_EXTRAS: Buffer = Buffer.alloc(8);
const IN_FLIGHT_MAX = 1024;
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;
const STATS_BYTES_MAX = 64 * 1024 * 1024;

export class MemcacheTransport implements NodeTransport {
  readonly #options: MemcacheTransportOptions;
  readonly #pipe: RequestPipe<MemjsConnection, MemcacheRequest, Reply>;
  readonly #leases: LeasePool;
  readonly #ascii: AsciiConnection;
  readonly #settling = new Set<Promise<unknown>>();

  constructor(options: MemcacheTransportOptions) {
    this.#options = options;
    this.#pipe = new RequestPipe({
      connect: (signal) => MemjsConnection.connect(options, signal),
      ask: (connection, { opcode, key, extras, value }) =>
        connection.request(opcode, key, extras, value, options.timeoutMs),
      sizeOf: ({ value }) => value?.length ?? 0,
      inFlightMax: IN_FLIGHT_MAX,
      inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
      waitingMax: options.waitingMax,
      waitingBytesMax: options.waitingBytesMax,
    });
    this.#leases = new LeasePool({
      connect: (signal) => MemjsConnection.connect(options, signal),
      connectionsMax: options.readConnectionsMax,
      idleMs: options.idleMs,
    });
    this.#ascii = new AsciiConnection({ ...options, answerBytesMax: STATS_BYTES_MAX });
  }

  async ping(signal?: AbortSignal): Promise<void> {
    const reply = await this.#pipe.send({ opcode: OPCODE.noop, key: "" }, signal);
    if (reply.status !== STATUS.ok) throw refusalOf(reply);
  }

  async put(queue: string, item: RawPut, signal?: AbortSignal): Promise<PutAnswer> {
    const extras = item.flags === 0 && item.expiry === 0 ? NO_EXTRAS : extrasOf(item);
    const reply = await this.#pipe.send({ opcode: OPCODE.set, key: queue, extras, value: item.data }, signal);
    if (reply.status === STATUS.ok) return "stored";
    if (reply.status === STATUS.notStored) return "full";
    if (reply.status === STATUS.tooLarge) return "too-large";
    throw refusalOf(reply);
  }

  async openRead(queue: string, waitMs: number, signal?: AbortSignal): Promise<OpenRead | null> {
    const lease = await this.#acquireLease(waitMs, signal);
    // The protocol can't call a wait off; ending the connection does, and returns an item just handed out.
    const abort = (): void => lease.destroy();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const fairMs = this.#fairWaitMs(waitMs);
      const key = fairMs > 0 ? `${queue}/t=${fairMs}/open` : `${queue}/open`;
      const read = this.#readOf(await this.#request(lease, key, fairMs), lease, queue);
      if (!signal?.aborted) return read;
      await read?.abort();
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    throw new TransportError("aborted", "aborted while waiting");
  }

  async peek(queue: string, signal?: AbortSignal): Promise<RawItem | null> {
    const request = { opcode: OPCODE.get, key: `${queue}/peek` };
    return itemOf(await this.#pipe.send(request, signal));
  }

  async deleteQueue(queue: string, signal?: AbortSignal): Promise<void> {
    const request = { opcode: OPCODE.delete, key: queue };
    const reply = await this.#pipe.send(request, signal);
    if (reply.status !== STATUS.ok && reply.status !== STATUS.notFound) throw refusalOf(reply);
  }

  async flushQueue(queue: string, signal?: AbortSignal): Promise<void> {
    await this.#ascii.lines(`flush ${queue}`, signal);
  }

  async stats(signal?: AbortSignal): Promise<Map<string, string>> {
    const stats = new Map<string, string>();
    for (const line of await this.#ascii.lines("stats", signal)) {
      const [, name, value] = /^STAT (\S+) (.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) stats.set(name, value);
    }
    return stats;
  }

  async itemsIn(queue: string): Promise<number> {
    const lines = await this.#ascii.lines(`dump_stats ${queue}`);
    const start = lines.indexOf(`queue '${queue}' {`);
    const items = start < 0 ? undefined : lines.slice(start).find((line) => line.startsWith("  items="));
    return items === undefined ? 0 : Number(items.slice("  items=".length));
  }

  drained(): Promise<void> {
    return this.#leases.drained();
  }

  async close(): Promise<void> {
    this.#leases.refuse();
    await Promise.all([this.#pipe.close(), Promise.allSettled(this.#settling)]);
    this.#leases.close();
    this.#ascii.close();
  }

  #fairWaitMs(waitMs: number): number {
    const { crowd, length } = this.#leases;
    return crowd === 0 ? waitMs : fairWaitMs(waitMs, length, crowd);
  }

  /** A read that doesn't wait for items doesn't wait for ever for a connection either. */
  async #acquireLease(waitMs: number, signal: AbortSignal | undefined): Promise<MemjsConnection> {
    if (waitMs > 0 || this.#leases.hasRoom) return this.#leases.acquire(signal);
    const controller = new AbortController();
    const abort = (): void => controller.abort();
    signal?.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(abort, this.#options.timeoutMs);
    try {
      return await this.#leases.acquire(controller.signal);
    } catch (error) {
      if (signal?.aborted || !(error instanceof TransportError) || error.kind !== "aborted") throw error;
      const text = `all ${this.#options.readConnectionsMax} connections for reads are in use`;
      throw new TransportError("busy", text);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  readonly #leaseOperations: LeaseOperations = {
    settle: (lease, queue, verb) => this.#track(this.#settle(lease, queue, verb)),
    confirmAndOpen: (lease, queue) => this.#track(this.#confirmAndOpen(lease, queue)),
  };

  /** So that close() can let it come to its end. */
  async #track<T>(settling: Promise<T>): Promise<T> {
    this.#settling.add(settling);
    try {
      return await settling;
    } finally {
      this.#settling.delete(settling);
    }
  }

  async #confirmAndOpen(lease: MemjsConnection, queue: string): Promise<OpenRead | null> {
    const reply = await this.#request(lease, `${queue}/close/open`);
    if (reply.status === STATUS.unavailable) {
      // A node that gives nothing out still takes confirms. Closing twice does no harm.
      await this.#settle(lease, queue, "/close");
      return null;
    }
    return this.#readOf(reply, lease, queue);
  }

  /** One request on a lease, after whose failure nothing stays open behind our back. */
  async #request(lease: MemjsConnection, key: string, waitMs = 0): Promise<Reply> {
    try {
      return await lease.request(OPCODE.get, key, undefined, undefined, waitMs + this.#options.timeoutMs);
    } catch (error) {
      lease.destroy();
      throw error;
    }
  }

  /** The open read that a reply stands for; if it is none, the lease is free again. */
  #readOf(reply: Reply, lease: MemjsConnection, queue: string): OpenRead | null {
    try {
      const item = itemOf(reply);
      if (item !== null) return new MemcacheOpenRead(item, lease, queue, this.#leaseOperations);
    } catch (error) {
      lease.destroy();
      throw error;
    }
    this.#leases.release(lease);
    return null;
  }

  async #settle(lease: MemjsConnection, queue: string, verb: "/close" | "/abort"): Promise<void> {
    const reply = await this.#request(lease, queue + verb);
    if (reply.status !== STATUS.notFound && reply.status !== STATUS.ok) {
      lease.destroy();
      throw refusalOf(reply);
    }
    this.#leases.release(lease);
  }
}

function extrasOf({ flags, expiry }: RawPut): Buffer {
  const extras = Buffer.allocUnsafe(8);
  extras.writeUInt32BE(flags, 0);
  extras.writeUInt32BE(expiry, 4);
  return extras;
}

function itemOf(reply: Reply): RawItem | null {
  if (reply.status === STATUS.notFound) return null;
  if (reply.status !== STATUS.ok) throw refusalOf(reply);
  const flags = reply.extras.length >= 4 ? reply.extras.readUInt32BE(0) : 0;
  return { data: reply.value, flags };
}
