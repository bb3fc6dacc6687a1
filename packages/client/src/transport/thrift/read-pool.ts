// The connections of one node for reads. Many reads share one as long as none of them waits; a read that waits has one to
// itself, since a node answers the calls of a connection in their order. Bounded in number, made a few at a time; idle
// ones end after a while.

import { allowManyListeners } from "../../signals.ts";
import { TransportError } from "../transport-error.ts";
import { OpenBound } from "./open-bound.ts";
import { ReadConnection, type ReadConnectionOptions } from "./read-connection.ts";
import type { ThriftConnection } from "./thrift-connection.ts";

export interface ReadPoolOptions extends ReadConnectionOptions {
  connect(signal: AbortSignal): Promise<ThriftConnection>;
  /** Connections in use, idle or being made, all together. */
  readonly connectionsMax: number;
  /** After this long without use a connection is ended. */
  readonly idleMs: number;
}

/** What somebody needs a connection for. */
interface Need {
  /** It must be used by nobody else. */
  readonly isOwn: boolean;
  /** Those of one kind fit the same connections. */
  readonly kind: string;
  fits(connection: ReadConnection): boolean;
}

interface Applicant extends Need {
  use(connection: ReadConnection): void;
  reject(error: TransportError): void;
}

/** Connections that are being made at the same time, so that the node's backlog doesn't overflow. */
const CONNECTING_MAX = 32;

export class ReadPool {
  readonly #options: ReadPoolOptions;
  readonly #onChange: () => void;
  #bound = new OpenBound();
  /** Used from the front by those who share, from the back by those who wait. */
  #connections: ReadConnection[] = [];
  #connecting = 0;
  /** Gives up the connections that are being made. */
  readonly #closing = new AbortController();
  /** Who waits for a connection, in a line for each kind of need, the kind last served last. */
  readonly #lines = new Map<string, Set<Applicant>>();
  readonly #idleTimers = new Map<ReadConnection, NodeJS.Timeout>();
  #isPumping = false;
  #isClosed = false;

  /** `onChange` is called when less may be open or asked than before. */
  constructor(options: ReadPoolOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
    allowManyListeners(this.#closing.signal);
  }

  /** What the node lets be open on one connection, as far as it is known. */
  get bound(): OpenBound {
    return this.#bound;
  }

  /** How many connections there are. */
  get length(): number {
    return this.#connections.length;
  }

  /** How many wait for one because there may not be more. */
  get crowd(): number {
    if (this.length < this.#options.connectionsMax) return 0;
    let crowd = 0;
    for (const { size } of this.#lines.values()) crowd += size;
    return crowd;
  }

  /** Nothing is open, asked or waited for on any. */
  get isIdle(): boolean {
    return this.#connections.every(({ isIdle }) => isIdle);
  }

  /** Waits for a connection that fits, unless there is one, and uses it at once. */
  use<T>(need: Need, use: (connection: ReadConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#isClosed) return Promise.reject(new TransportError("closed", "the client is closed"));
    const found = this.#find(need);
    if (found !== undefined) return this.#begin(found, use);
    return new Promise((resolve, reject) => {
      const { timeoutMs, connectionsMax } = this.#options;
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#leave(applicant);
      };
      const applicant: Applicant = {
        ...need,
        use: (connection) => {
          leave();
          this.#begin(connection, use).then(resolve, reject);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = (): void => applicant.reject(new TransportError("aborted", "aborted before sending"));
      // Who waits for items may wait for a connection as long.
      const timer = need.isOwn
        ? undefined
        : setTimeout(() => {
            applicant.reject(
              new TransportError("busy", `all ${connectionsMax} connections for reads are in use`),
            );
          }, timeoutMs);
      signal?.addEventListener("abort", abort, { once: true });
      const line = this.#lines.get(need.kind);
      if (line === undefined) this.#lines.set(need.kind, new Set([applicant]));
      else line.add(applicant);
      this.#pumpSoon();
    });
  }

  /** Turns away who waits for a connection, and makes none any more; what is asked of the others is still answered. */
  close(): void {
    this.#isClosed = true;
    this.#closing.abort();
    this.#rejectAll(new TransportError("closed", "the client was closed"));
  }

  /** Ends all connections, and with them what is open. */
  endAll(): void {
    for (const connection of [...this.#connections]) {
      if (connection.isIdle) connection.destroy();
      else connection.end();
    }
  }

  #find({ isOwn, fits }: Need): ReadConnection | undefined {
    const isFit = (connection: ReadConnection): boolean =>
      connection.isReady && !connection.isWaiting && fits(connection);
    return isOwn ? this.#connections.findLast(isFit) : this.#connections.find(isFit);
  }

  async #begin<T>(connection: ReadConnection, use: (connection: ReadConnection) => Promise<T>): Promise<T> {
    clearTimeout(this.#idleTimers.get(connection));
    this.#idleTimers.delete(connection);
    try {
      return await use(connection);
    } finally {
      this.changed(connection);
    }
  }

  /** There may be room on a connection now, or nothing left on it. */
  changed(connection: ReadConnection): void {
    this.#pumpSoon();
    if (connection.isReady && connection.isIdle && !this.#idleTimers.has(connection)) {
      this.#idleTimers.set(
        connection,
        setTimeout(() => {
          if (connection.isIdle) connection.destroy();
        }, this.#options.idleMs),
      );
    }
    this.#onChange();
  }

  /** Once for all that happens in one turn: thousands may apply, and as many be answered. */
  #pumpSoon(): void {
    if (this.#isPumping || this.#lines.size === 0) return;
    this.#isPumping = true;
    process.nextTick(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    let lines = [...this.#lines.values()];
    while (lines.length > 0) lines = lines.filter((line) => this.#serveFirst(line));
    let own = 0;
    let shared = 0;
    for (const line of this.#lines.values()) {
      const [first] = line;
      if (first!.isOwn) own += line.size;
      else shared += line.size;
    }
    const wanted = own + (shared === 0 ? 0 : Math.max(1, Math.ceil(shared / this.#bound.most)));
    const room = this.#options.connectionsMax - this.#connections.length;
    while (this.#connecting < Math.min(wanted, room, CONNECTING_MAX)) void this.#connect();
  }

  /** Whether the one who stands first got a connection, and others stand there still. */
  #serveFirst(line: Set<Applicant>): boolean {
    const [applicant] = line;
    const found = this.#find(applicant!);
    if (found === undefined) return false;
    applicant!.use(found);
    if (line.size === 0) return false;
    this.#lines.delete(applicant!.kind);
    this.#lines.set(applicant!.kind, line);
    return true;
  }

  #leave(applicant: Applicant): void {
    const line = this.#lines.get(applicant.kind);
    line?.delete(applicant);
    if (line?.size === 0) this.#lines.delete(applicant.kind);
  }

  #rejectAll(error: TransportError): void {
    for (const line of [...this.#lines.values()]) for (const applicant of line) applicant.reject(error);
  }

  async #connect(): Promise<void> {
    this.#connecting++;
    try {
      const connection = new ReadConnection(await this.#options.connect(this.#closing.signal), this.#options);
      if (this.#isClosed) {
        connection.destroy();
        return;
      }
      this.#connections.push(connection);
      connection.onEnd(() => this.#forget(connection));
      this.changed(connection);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#rejectAll(error);
    } finally {
      this.#connecting--;
      this.#pumpSoon();
    }
  }

  #forget(connection: ReadConnection): void {
    clearTimeout(this.#idleTimers.get(connection));
    this.#idleTimers.delete(connection);
    this.#connections = this.#connections.filter((each) => each !== connection);
    // The node may have been started anew, with another bound.
    if (this.#connections.length === 0) this.#bound = new OpenBound();
    this.#pumpSoon();
    this.#onChange();
  }
}
