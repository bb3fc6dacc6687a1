// Connections for reads that wait or are left open: each is lent to one reader at a time, since an open
// item belongs to its connection. Bounded in number, and made a few at a time; a returned one is used again, or ended
// after a while.

import { TransportError } from "../transport-error.ts";
import type { MemjsConnection } from "./memjs-connection.ts";

export interface LeasePoolOptions {
  connect(signal: AbortSignal): Promise<MemjsConnection>;
  /** Connections lent, idle or being made, all together. */
  readonly connectionsMax: number;
  /** After this long without use a connection is ended. */
  readonly idleMs: number;
}

/**
 * Connections that are being made at the same time: thousands at once would overflow the node's backlog, and it would
 * look as if it were down.
 */
const CONNECTING_MAX = 32;

interface IdleConnection {
  readonly connection: MemjsConnection;
  readonly timer: NodeJS.Timeout;
}

interface Applicant {
  /** With a connection, or with leave to make one whose place is counted. */
  resolve(offer: MemjsConnection | "make-one"): void;
  reject(error: TransportError): void;
}

export class LeasePool {
  readonly #options: LeasePoolOptions;
  readonly #lent = new Set<MemjsConnection>();
  readonly #applicants = new Set<Applicant>();
  /** Last returned, first lent again, so that surplus ones grow old and end. */
  #idle: IdleConnection[] = [];
  #connecting = 0;
  /** The connections that are being made, each of which can be given up. */
  readonly #attempts = new Set<AbortController>();
  #whenDrained: (() => void)[] = [];
  #isClosed = false;

  constructor(options: LeasePoolOptions) {
    this.#options = options;
  }

  /** How many connections there are, or will be in a moment. */
  get length(): number {
    return this.#lent.size + this.#idle.length + this.#connecting;
  }

  /** Whether acquire() would lend or begin to make a connection at once. */
  get hasRoom(): boolean {
    return this.#idle.length > 0 || this.#mayMakeOne;
  }

  /** How many wait for a connection because connectionsMax are in use. */
  get crowd(): number {
    return this.length < this.#options.connectionsMax ? 0 : this.#applicants.size;
  }

  /** Lends a connection, waiting for a free one while connectionsMax are in use; the signal ends the wait. */
  async acquire(signal?: AbortSignal): Promise<MemjsConnection> {
    if (this.#isClosed) throw new TransportError("closed", "the client is closed");
    if (signal?.aborted) throw new TransportError("aborted", "aborted before sending");
    const idle = this.#takeIdle();
    if (idle !== undefined) return this.#lend(idle);
    if (this.#mayMakeOne) {
      this.#connecting++;
      return this.#connect(signal);
    }
    const offered = await this.#apply(signal);
    return offered === "make-one" ? this.#connect(signal) : offered;
  }

  /** Takes back a connection on which nothing is open and nothing in flight. */
  release(connection: MemjsConnection): void {
    if (!this.#lent.delete(connection)) return;
    this.#checkDrained();
    if (!connection.isReady) {
      this.#makeRoomKnown();
      return;
    }
    const [next] = this.#applicants;
    if (next !== undefined) {
      this.#applicants.delete(next);
      next.resolve(this.#lend(connection));
      return;
    }
    const timer = setTimeout(() => connection.destroy(), this.#options.idleMs);
    this.#idle.push({ connection, timer });
  }

  /** Lends no more: applicants are turned away, and connections that are being made given up. */
  refuse(): void {
    this.#isClosed = true;
    this.#turnAway(new TransportError("closed", "the client was closed"));
    for (const attempt of this.#attempts) attempt.abort();
  }

  /** Ends all connections, lent ones included. */
  close(): void {
    this.refuse();
    for (const { connection } of [...this.#idle]) connection.destroy();
    for (const connection of [...this.#lent]) connection.destroy();
  }

  /** Resolves when no connection is lent or being made. */
  async drained(): Promise<void> {
    if (this.#lent.size + this.#connecting === 0) return;
    await new Promise<void>((resolve) => this.#whenDrained.push(resolve));
  }

  #checkDrained(): void {
    if (this.#lent.size + this.#connecting > 0) return;
    for (const resolve of this.#whenDrained.splice(0)) resolve();
  }

  #takeIdle(): MemjsConnection | undefined {
    const idle = this.#idle.pop();
    clearTimeout(idle?.timer);
    return idle?.connection;
  }

  #lend(connection: MemjsConnection): MemjsConnection {
    this.#lent.add(connection);
    return connection;
  }

  /** The place has been counted already, so that two callers can't take the last one. */
  async #connect(signal: AbortSignal | undefined): Promise<MemjsConnection> {
    const attempt = new AbortController();
    const abort = (): void => attempt.abort();
    this.#attempts.add(attempt);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      if (this.#isClosed || signal?.aborted) abort();
      const connection = await this.#options.connect(attempt.signal);
      connection.onEnd(() => this.#forget(connection));
      if (this.#isClosed) {
        connection.destroy();
        throw closedMeanwhile();
      }
      return this.#lend(connection);
    } catch (error) {
      if (this.#isClosed) throw closedMeanwhile();
      // Who waits behind would only find out the same, one after the other.
      if (error instanceof TransportError && error.kind === "unreachable") this.#turnAway(error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#attempts.delete(attempt);
      this.#connecting--;
      this.#checkDrained();
      this.#makeRoomKnown();
    }
  }

  #apply(signal: AbortSignal | undefined): Promise<MemjsConnection | "make-one"> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#applicants.delete(applicant);
        applicant.reject(new TransportError("aborted", "aborted while all connections were in use"));
      };
      const applicant: Applicant = {
        resolve(offer) {
          signal?.removeEventListener("abort", abort);
          resolve(offer);
        },
        reject(error) {
          signal?.removeEventListener("abort", abort);
          reject(error);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#applicants.add(applicant);
    });
  }

  /** The connection has ended by itself, by us or by the node. */
  #forget(connection: MemjsConnection): void {
    this.#lent.delete(connection);
    this.#checkDrained();
    const index = this.#idle.findIndex((idle) => idle.connection === connection);
    if (index >= 0) clearTimeout(this.#idle.splice(index, 1)[0]!.timer);
    this.#makeRoomKnown();
  }

  get #mayMakeOne(): boolean {
    return this.length < this.#options.connectionsMax && this.#connecting < CONNECTING_MAX;
  }

  #makeRoomKnown(): void {
    for (const next of this.#applicants) {
      if (this.#isClosed || !this.#mayMakeOne) return;
      this.#applicants.delete(next);
      this.#connecting++;
      next.resolve("make-one");
    }
  }

  #turnAway(error: TransportError): void {
    for (const applicant of this.#applicants) applicant.reject(error);
    this.#applicants.clear();
  }
}

function closedMeanwhile(): TransportError {
  return new TransportError("closed", "the client was closed while connecting");
}
