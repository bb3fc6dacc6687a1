// A connection for reads: many items may be open on it, and be confirmed in any order. What is asked of it in one turn
// of the event loop leaves as few calls: for each queue one confirm, one abort, and one get for as many items as are
// wanted, behind the confirms since those make room.

import { TransportError } from "../transport-error.ts";
import { closeCall, getCall, type LentItem } from "./calls.ts";
import type { ThriftConnection } from "./thrift-connection.ts";

export interface ReadConnectionOptions {
  /** For an answer to be there, measured from the writing; a waiting read gets its wait on top. */
  readonly timeoutMs: number;
  /** After so long an open item goes back, whatever becomes of its connection. */
  readonly autoAbortMs: number;
}

/** What came of asking for an item that is there. */
export interface TakeAnswer {
  readonly item: LentItem | null;
  /** Items of the queue open on this connection, those of the same answer included. */
  readonly openLength: number;
  /** The same as the node may have seen it: of what was closed after the question it had not heard yet. */
  readonly openLengthMax: number;
  /** There were fewer than asked for because the answer grew large: it says nothing about what is left. */
  readonly isCut: boolean;
}

interface Request<T> {
  resolve(value: T): void;
  reject(error: TransportError): void;
}

interface CloseRequest extends Request<boolean> {
  readonly id: bigint;
}

/** Takes of one queue that are not answered yet. */
interface Asking {
  length: number;
  /** Items of the queue that were closed since the first of them. */
  closed: number;
}

/** What was asked in this turn about one queue. */
interface QueueTurn {
  readonly confirms: CloseRequest[];
  readonly aborts: CloseRequest[];
  readonly takes: Request<TakeAnswer>[];
}

/** Answers of this size may have been cut short by the node. */
const LARGE_ANSWER_BYTES = 1024 * 1024;

export class ReadConnection {
  readonly #connection: ThriftConnection;
  readonly #options: ReadConnectionOptions;
  /** Ids of what is open here, by queue. */
  readonly #open = new Map<string, Set<bigint>>();
  #openLength = 0;
  readonly #asking = new Map<string, Asking>();
  #askingLength = 0;
  #turn = new Map<string, QueueTurn>();
  #isWaiting = false;

  constructor(connection: ThriftConnection, options: ReadConnectionOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** It can be asked; but see `isWaiting`. */
  get isReady(): boolean {
    return this.#connection.isReady;
  }

  /** A read waits for an item here: what is asked meanwhile would be answered only after it. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Nothing is open here, and nothing was asked. */
  get isIdle(): boolean {
    return this.#openLength === 0 && this.#askingLength === 0 && !this.#isWaiting;
  }

  openLengthOf(queue: string): number {
    return this.#open.get(queue)?.size ?? 0;
  }

  /** Items of the queue that are open here, or may be when all has been answered. */
  claimedLengthOf(queue: string): number {
    return this.openLengthOf(queue) + (this.#asking.get(queue)?.length ?? 0);
  }

  /** Opens an item that is there. */
  take(queue: string): Promise<TakeAnswer> {
    const asking = this.#asking.get(queue);
    if (asking === undefined) this.#asking.set(queue, { length: 1, closed: 0 });
    else asking.length++;
    this.#askingLength++;
    return new Promise((resolve, reject) => this.#turnOf(queue).takes.push({ resolve, reject }));
  }

  /** Opens an item, waiting for one for up to waitMs. Nothing else should be asked meanwhile. */
  async wait(queue: string, waitMs: number): Promise<LentItem | null> {
    const { timeoutMs, autoAbortMs } = this.#options;
    this.#isWaiting = true;
    try {
      const call = getCall({ queue, lengthMax: 1, waitMs, autoAbortMs });
      const [item] = await this.#connection.call(call, waitMs + timeoutMs);
      if (item !== undefined) this.#opened(queue, item);
      return item ?? null;
    } finally {
      this.#isWaiting = false;
    }
  }

  /**
   * Confirms an item, whichever connection it was opened on. False: it had gone back before. Rejects with
   * `uncertain` when several were confirmed together, and the node says that not all of them were open.
   */
  confirm(queue: string, id: bigint): Promise<boolean> {
    return this.#close(queue, id, "confirms");
  }

  /** Puts an item back, whichever connection it was opened on. */
  async abort(queue: string, id: bigint): Promise<void> {
    await this.#close(queue, id, "aborts");
  }

  /** The item is not open any more, or is about to be closed. */
  forget(queue: string, id: bigint): void {
    const ids = this.#open.get(queue);
    if (ids?.delete(id) !== true) return;
    this.#openLength--;
    const asking = this.#asking.get(queue);
    if (asking !== undefined) asking.closed++;
    if (ids.size === 0) this.#open.delete(queue);
  }

  /** Ends the connection; what is open here goes back, and what is on its way here as well. */
  end(): void {
    // Nodes of others put back what they are told to, or what is open for too long, but not what we leave behind.
    // Where even that fails, the connection is gone, and nothing more can be done.
    for (const [queue, ids] of this.#open) for (const id of ids) this.abort(queue, id).catch(() => {});
    this.#flush();
    this.#connection.end();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#connection.destroy();
  }

  onEnd(listener: () => void): void {
    this.#connection.onEnd(listener);
  }

  #close(queue: string, id: bigint, list: "confirms" | "aborts"): Promise<boolean> {
    return new Promise((resolve, reject) => this.#turnOf(queue)[list].push({ id, resolve, reject }));
  }

  #turnOf(queue: string): QueueTurn {
    if (this.#turn.size === 0) process.nextTick(() => this.#flush());
    let turn = this.#turn.get(queue);
    if (turn === undefined) {
      turn = { confirms: [], aborts: [], takes: [] };
      this.#turn.set(queue, turn);
    }
    return turn;
  }

  #flush(): void {
    const turns = this.#turn;
    this.#turn = new Map();
    for (const [queue, { confirms, aborts, takes }] of turns) {
      if (aborts.length > 0) void this.#closeAll("abort", queue, aborts);
      if (confirms.length > 0) void this.#closeAll("confirm", queue, confirms);
      if (takes.length > 0) void this.#takeAll(queue, takes);
    }
  }

  async #closeAll(name: "confirm" | "abort", queue: string, requests: CloseRequest[]): Promise<void> {
    const ids = requests.map(({ id }) => id);
    try {
      const length = await this.#connection.call(closeCall(name, queue, ids), this.#options.timeoutMs);
      if (length === 0 || length === ids.length) for (const { resolve } of requests) resolve(length > 0);
      else throw new TransportError("uncertain", `the node has closed ${length} of ${ids.length} items`);
    } catch (error) {
      rejectAll(requests, error);
    }
  }

  async #takeAll(queue: string, requests: Request<TakeAnswer>[]): Promise<void> {
    const { timeoutMs, autoAbortMs } = this.#options;
    const asking = this.#asking.get(queue)!;
    const closedBefore = asking.closed;
    try {
      const call = getCall({ queue, lengthMax: requests.length, waitMs: 0, autoAbortMs });
      const items = await this.#connection.call(call, timeoutMs);
      this.#answered(queue, requests.length);
      let size = 0;
      for (const item of items) {
        this.#opened(queue, item);
        size += item.data.length;
      }
      const openLength = this.openLengthOf(queue);
      const openLengthMax = openLength + asking.closed - closedBefore;
      const isCut = size >= LARGE_ANSWER_BYTES;
      for (const [index, { resolve }] of requests.entries()) {
        resolve({ item: items[index] ?? null, openLength, openLengthMax, isCut });
      }
    } catch (error) {
      this.#answered(queue, requests.length);
      rejectAll(requests, error);
    }
  }

  #opened(queue: string, { id }: LentItem): void {
    const ids = this.#open.get(queue);
    if (ids === undefined) this.#open.set(queue, new Set([id]));
    else ids.add(id);
    this.#openLength++;
  }

  #answered(queue: string, length: number): void {
    const asking = this.#asking.get(queue)!;
    asking.length -= length;
    if (asking.length === 0) this.#asking.delete(queue);
    this.#askingLength -= length;
  }
}

function rejectAll(requests: readonly Request<never>[], error: unknown): void {
  if (!(error instanceof TransportError)) throw error;
  for (const { reject } of requests) reject(error);
}
