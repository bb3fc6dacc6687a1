// One node over the memcache binary protocol: a shared pipe for puts, peeks and deletes, leases for reads
// (one open item each), and an ASCII connection for what the binary protocol has no word for.

import type { NodeTransport, OpenRead, PutAnswer, RawItem, RawPut } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import { AsciiConnection } from "./ascii-connection.ts";
import { LeasePool } from "./lease-pool.ts";
import { type ConnectionOptions, MemjsConnection, type Reply } from "./memjs-connection.ts";
import { RequestPipe } from "./request-pipe.ts";
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
}

const OPCODE = { get: 0x00, set: 0x01, delete: 0x04, noop: 0x0a } as const;
const IN_FLIGHT_MAX = 1024;
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;
const STATS_BYTES_MAX = 64 * 1024 * 1024;

export class MemcacheTransport implements NodeTransport {
  readonly #options: MemcacheTransportOptions;
  readonly #pipe: RequestPipe;
  readonly #leases: LeasePool;
  readonly #ascii: AsciiConnection;
  readonly #confirming = new Set<Promise<unknown>>();

  constructor(options: MemcacheTransportOptions) {
    this.#options = options;
    this.#pipe = new RequestPipe({
      connect: () => MemjsConnection.connect(options),
      timeoutMs: options.timeoutMs,
      inFlightMax: IN_FLIGHT_MAX,
      inFlightBytesMax: IN_FLIGHT_BYTES_MAX,
      waitingMax: options.waitingMax,
    });
    this.#leases = new LeasePool({
      connect: (signal) => MemjsConnection.connect(options, signal),
      connectionsMax: options.readConnectionsMax,
      idleMs: options.idleMs,
    });
    this.#ascii = new AsciiConnection({ ...options, answerBytesMax: STATS_BYTES_MAX });
  }

  async ping(): Promise<void> {
    const reply = await this.#pipe.send({ opcode: OPCODE.noop, key: "", extras: "", value: "" });
    if (reply.status !== STATUS.ok) throw refusalOf(reply);
  }

  async put(queue: string, item: RawPut, signal?: AbortSignal): Promise<PutAnswer> {
    const extras = Buffer.allocUnsafe(8);
    extras.writeUInt32BE(item.flags, 0);
    extras.writeUInt32BE(item.expiry, 4);
    const reply = await this.#pipe.send({ opcode: OPCODE.set, key: queue, extras, value: item.data }, signal);
    if (reply.status === STATUS.ok) return "stored";
    if (reply.status === STATUS.notStored) return "full";
    if (reply.status === STATUS.tooLarge) return "too-large";
    throw refusalOf(reply);
  }

  async openRead(queue: string, waitMs: number, signal?: AbortSignal): Promise<OpenRead | null> {
    const lease = await this.#acquireLease(waitMs, signal);
    return this.#open(lease, queue, "/open", waitMs, signal);
  }

  async peek(queue: string, signal?: AbortSignal): Promise<RawItem | null> {
    const request = { opcode: OPCODE.get, key: `${queue}/peek`, extras: "", value: "" };
    return itemOf(await this.#pipe.send(request, signal));
  }

  async deleteQueue(queue: string): Promise<void> {
    const reply = await this.#pipe.send({ opcode: OPCODE.delete, key: queue, extras: "", value: "" });
    if (reply.status !== STATUS.ok && reply.status !== STATUS.notFound) throw refusalOf(reply);
  }

  async flushQueue(queue: string): Promise<void> {
    await this.#ascii.lines(`flush ${queue}`);
  }

  async stats(): Promise<Map<string, string>> {
    const stats = new Map<string, string>();
    for (const line of await this.#ascii.lines("stats")) {
      const [, name, value] = /^STAT (\S+) (.*)$/.exec(line) ?? [];
      if (name !== undefined && value !== undefined) stats.set(name, value);
    }
    return stats;
  }

  async close(): Promise<void> {
    await Promise.all([this.#pipe.close(), Promise.allSettled(this.#confirming)]);
    this.#leases.close();
    this.#ascii.close();
  }

  /** A read that doesn't wait for items doesn't wait for ever for a connection either. */
  async #acquireLease(waitMs: number, signal: AbortSignal | undefined): Promise<MemjsConnection> {
    if (waitMs > 0 || this.#leases.length < this.#options.readConnectionsMax)
      return this.#leases.acquire(signal);
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

  /** Sends a read that leaves its item open, on a connection that is ours until the item is done with. */
  async #open(
    lease: MemjsConnection,
    queue: string,
    verbs: "/open" | "/close/open",
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<OpenRead | null> {
    const key = waitMs > 0 ? `${queue}/t=${waitMs}${verbs}` : queue + verbs;
    // The protocol can't call a wait off; ending the connection does, and returns an item just handed out.
    const abort = (): void => lease.destroy();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const reply = await lease.request(OPCODE.get, key, "", "", waitMs + this.#options.timeoutMs);
      const item = itemOf(reply);
      if (item !== null) return new MemcacheOpenRead(item, lease, queue, this.#leaseOperations);
      this.#leases.release(lease);
      return null;
    } catch (error) {
      // Whatever happened, nothing may stay open behind our back.
      lease.destroy();
      if (signal?.aborted) throw new TransportError("aborted", "aborted while waiting", error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  readonly #leaseOperations: LeaseOperations = {
    settle: async (lease, queue, verb) => {
      const settled = this.#settle(lease, queue, verb);
      this.#confirming.add(settled);
      try {
        await settled;
      } finally {
        this.#confirming.delete(settled);
      }
    },
    confirmAndOpen: (lease, queue) => this.#open(lease, queue, "/close/open", 0),
  };

  async #settle(lease: MemjsConnection, queue: string, verb: "/close" | "/abort"): Promise<void> {
    try {
      const reply = await lease.request(OPCODE.get, queue + verb, "", "", this.#options.timeoutMs);
      if (reply.status !== STATUS.notFound && reply.status !== STATUS.ok) throw refusalOf(reply);
      this.#leases.release(lease);
    } catch (error) {
      lease.destroy();
      throw error;
    }
  }
}

interface LeaseOperations {
  settle(lease: MemjsConnection, queue: string, verb: "/close" | "/abort"): Promise<void>;
  confirmAndOpen(lease: MemjsConnection, queue: string): Promise<OpenRead | null>;
}

class MemcacheOpenRead implements OpenRead {
  readonly data: Buffer;
  readonly flags: number;
  readonly #lease: MemjsConnection;
  readonly #queue: string;
  readonly #operations: LeaseOperations;

  constructor(item: RawItem, lease: MemjsConnection, queue: string, operations: LeaseOperations) {
    this.data = item.data;
    this.flags = item.flags;
    this.#lease = lease;
    this.#queue = queue;
    this.#operations = operations;
  }

  get isLost(): boolean {
    return !this.#lease.isReady;
  }

  async confirm(): Promise<void> {
    this.#checkHeld();
    await this.#operations.settle(this.#lease, this.#queue, "/close");
  }

  async confirmAndOpen(): Promise<OpenRead | null> {
    this.#checkHeld();
    return this.#operations.confirmAndOpen(this.#lease, this.#queue);
  }

  async abort(): Promise<void> {
    if (this.isLost) return;
    try {
      await this.#operations.settle(this.#lease, this.#queue, "/abort");
    } catch (error) {
      // The connection has been ended instead, and that returns the item just as well.
      if (!(error instanceof TransportError)) throw error;
    }
  }

  #checkHeld(): void {
    if (this.isLost) throw new TransportError("lost", "the connection of this open read has ended");
  }
}

function itemOf(reply: Reply): RawItem | null {
  if (reply.status === STATUS.notFound) return null;
  if (reply.status !== STATUS.ok) throw refusalOf(reply);
  const flags = reply.extras.length >= 4 ? reply.extras.readUInt32BE(0) : 0;
  return { data: reply.value, flags };
}
