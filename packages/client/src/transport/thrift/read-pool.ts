// The connections of one node on which items are open or waited for. What is there already is taken over one that many
// share; a read that waits has one to itself, since a node answers the calls of a connection in their order. Bounded
// in number; idle ones end after a while.
//
// A node may bound the items open on one connection, without saying so: it gives fewer then, as if nothing were there.
// So "nothing there" is believed only of a connection that surely had room, and otherwise asked once more on one
// where nothing of the queue is open.

import { fairWaitMs } from "../fair-wait.ts";
import type { OpenRead } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import type { LentItem } from "./calls.ts";
import { OpenBound } from "./open-bound.ts";
import { ReadConnection, type ReadConnectionOptions, type TakeAnswer } from "./read-connection.ts";
import { RefusedCall } from "./refused-call.ts";
import type { ThriftConnection } from "./thrift-connection.ts";
import { type LentOperations, ThriftOpenRead } from "./thrift-open-read.ts";

export interface ReadPoolOptions extends ReadConnectionOptions {
  connect(): Promise<ThriftConnection>;
  /** Connections in use, idle or being made, all together. */
  readonly connectionsMax: number;
  /** After this long without use a connection is ended. */
  readonly idleMs: number;
}

/** What somebody needs a connection for. */
interface Need {
  /** It must be used by nobody else. */
  readonly isOwn: boolean;
  fits(connection: ReadConnection): boolean;
}

interface Applicant extends Need {
  use(connection: ReadConnection): void;
  reject(error: TransportError): void;
}

/** Reads that are being opened at one time, so that answers can't pile up without bound. */
const OPENING_MAX = 16_384;
/** Connections that are being made at the same time, so that the node's backlog doesn't overflow. */
const CONNECTING_MAX = 32;

export class ReadPool {
  readonly #options: ReadPoolOptions;
  #bound = new OpenBound();
  /** Used from the front by those who share, from the back by those who wait. */
  #connections: ReadConnection[] = [];
  #connecting = 0;
  readonly #applicants = new Set<Applicant>();
  readonly #idleTimers = new Map<ReadConnection, NodeJS.Timeout>();
  readonly #settling = new Set<Promise<unknown>>();
  #opening = 0;
  #whenDrained: (() => void)[] = [];
  #isClosed = false;

  constructor(options: ReadPoolOptions) {
    this.#options = options;
  }

  /** Opens an item, waiting at the node for up to waitMs; the signal ends that, and an item on its way goes back. */
  async open(queue: string, waitMs: number, signal?: AbortSignal): Promise<OpenRead | null> {
    const open = async (): Promise<OpenRead[]> => {
      const read = await (waitMs > 0 ? this.#wait(queue, waitMs, signal) : this.#take(queue, signal));
      return read === null ? [] : [read];
    };
    const [read] = await this.#open(1, open, signal);
    return read ?? null;
  }

  /** Opens up to so many that are there. None means that there are none; fewer than asked for means nothing. */
  openMany(queue: string, lengthMax: number, signal?: AbortSignal): Promise<OpenRead[]> {
    return this.#open(lengthMax, () => this.#takeMany(queue, lengthMax, signal), signal);
  }

  async #open(
    lengthMax: number,
    open: () => Promise<OpenRead[]>,
    signal: AbortSignal | undefined,
  ): Promise<OpenRead[]> {
    if (signal?.aborted) throw new TransportError("aborted", "aborted before sending");
    if (this.#opening + lengthMax > OPENING_MAX)
      throw new TransportError("busy", `more than ${OPENING_MAX} reads would be under way`);
    this.#opening += lengthMax;
    try {
      return await (signal === undefined ? open() : unlessAborted(open(), signal));
    } finally {
      this.#opening -= lengthMax;
      this.#checkDrained();
    }
  }

  /** Resolves when nothing is waited for or open. */
  async drained(): Promise<void> {
    if (this.#isDrained) return;
    await new Promise<void>((resolve) => this.#whenDrained.push(resolve));
  }

  /** Lets confirms and aborts be answered, then ends all connections, and with them what is open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const applicant of this.#applicants)
      applicant.reject(new TransportError("closed", "the client was closed"));
    await Promise.allSettled(this.#settling);
    for (const connection of [...this.#connections]) {
      if (connection.isIdle) connection.destroy();
      else connection.end();
    }
  }

  async #wait(queue: string, waitMs: number, signal: AbortSignal | undefined): Promise<OpenRead | null> {
    const need = { isOwn: true, fits: (connection: ReadConnection) => connection.isIdle };
    const wait = async (connection: ReadConnection): Promise<OpenRead | null> => {
      // The node then ends the wait, and what it has just sent comes all the same.
      const cancel = (): void => connection.end();
      signal?.addEventListener("abort", cancel, { once: true });
      try {
        return this.#readOf(await connection.wait(queue, this.#fairWaitMs(waitMs)), queue, connection);
      } finally {
        signal?.removeEventListener("abort", cancel);
      }
    };
    return this.#use(need, wait, signal);
  }

  /** As long as others wait for a connection, nobody keeps one for long. */
  #fairWaitMs(waitMs: number): number {
    const { length } = this.#connections;
    const crowd = length < this.#options.connectionsMax ? 0 : this.#applicants.size;
    return crowd === 0 ? waitMs : fairWaitMs(waitMs, length, crowd);
  }

  async #take(queue: string, signal?: AbortSignal, doubtfulLength?: number): Promise<OpenRead | null> {
    let doubt = doubtfulLength;
    for (;;) {
      const need = {
        isOwn: false,
        fits: (connection: ReadConnection) =>
          doubt === undefined
            ? connection.claimedLengthOf(queue) < this.#bound.most
            : connection.openLengthOf(queue) === 0,
      };
      const taken = await this.#use(
        need,
        async (connection) => ({ connection, answer: await connection.take(queue) }),
        signal,
      );
      const { connection, answer } = taken;
      if (answer.item !== null) {
        this.#bound.granted(answer.openLength);
        if (doubt !== undefined) this.#bound.reached(doubt);
        return this.#readOf(answer.item, queue, connection);
      }
      if (this.#isCertain(answer)) return null;
      if (!answer.isCut) doubt = answer.openLength;
    }
  }

  async #takeMany(queue: string, lengthMax: number, signal?: AbortSignal): Promise<OpenRead[]> {
    const room = (connection: ReadConnection): number => this.#bound.most - connection.claimedLengthOf(queue);
    const take = async (connection: ReadConnection): Promise<OpenRead[]> => {
      const length = Math.min(lengthMax, room(connection));
      const answers = await Promise.all(Array.from({ length }, () => connection.take(queue)));
      const reads = answers.map(({ item }) => this.#readOf(item, queue, connection));
      const taken = reads.filter((read) => read !== null);
      if (taken.length > 0) this.#bound.granted(answers[0]!.openLength);
      return taken;
    };
    const reads = await this.#use({ isOwn: false, fits: (each) => room(each) > 0 }, take, signal);
    if (reads.length > 0) return reads;
    const last = await this.#take(queue, signal);
    return last === null ? [] : [last];
  }

  /** Whether there was nothing because nothing is there. */
  #isCertain({ openLength, isCut }: TakeAnswer): boolean {
    return !isCut && (openLength === 0 || openLength < this.#bound.least);
  }

  #readOf(item: LentItem | null, queue: string, connection: ReadConnection): ThriftOpenRead | null {
    if (item === null) return null;
    return new ThriftOpenRead(item, queue, connection, this.#options.autoAbortMs, this.#operations);
  }

  readonly #operations: LentOperations = {
    confirm: (read) => this.#track(this.#confirm(read)),
    confirmAndOpen: (read) => this.#track(this.#confirmAndOpen(read)),
    abort: (read) => this.#track(this.#abort(read)),
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

  async #confirm(read: ThriftOpenRead): Promise<void> {
    const { queue, id, opener } = read;
    try {
      const isDone = await this.#settle(read, (connection) => connection.confirm(queue, id));
      if (!isDone) throw new TransportError("lost", "the item had gone back to its queue");
    } catch (error) {
      throw await this.#unconfirmed(read, opener, error);
    }
  }

  async #confirmAndOpen(read: ThriftOpenRead): Promise<OpenRead | null> {
    const { queue, id, opener } = read;
    if (!opener.isReady) {
      await this.#confirm(read);
      return null;
    }
    opener.forget(queue, id);
    const confirming = opener.confirm(queue, id);
    const [taking] = await Promise.allSettled([opener.take(queue)]);
    const answer = taking!.status === "fulfilled" ? taking!.value : undefined;
    const next = this.#readOf(answer?.item ?? null, queue, opener);
    if (next !== null) this.#bound.granted(answer!.openLength);
    this.#changed(opener);
    try {
      if (!(await confirming)) throw new TransportError("lost", "the item had gone back to its queue");
    } catch (error) {
      await next?.abort();
      throw await this.#unconfirmed(read, opener, error);
    }
    if (next !== null || answer === undefined || this.#isCertain(answer)) return next;
    // Confirmed is confirmed, whatever comes of looking further.
    return this.#take(queue, undefined, answer.isCut ? undefined : answer.openLength).catch(() => null);
  }

  /** Says why, and sees to it that the item goes back if it is still open. */
  async #unconfirmed(read: ThriftOpenRead, opener: ReadConnection, error: unknown): Promise<unknown> {
    if (!(error instanceof TransportError)) return error;
    if (error instanceof RefusedCall) {
      await opener.abort(read.queue, read.id).catch(() => opener.destroy());
      return error;
    }
    const wasSent = error.mayHaveHappened || error.kind === "lost";
    return wasSent
      ? error
      : new TransportError("lost", `the connection of this open read has ended; ${error.message}`, error);
  }

  async #abort(read: ThriftOpenRead): Promise<void> {
    const { queue, id, opener } = read;
    try {
      await this.#settle(read, (connection) => connection.abort(queue, id));
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      // What is open there goes back with it.
      opener.destroy();
    }
  }

  /** Over the connection that the item was opened on, or if that has ended over another one. */
  async #settle<T>(read: ThriftOpenRead, close: (connection: ReadConnection) => Promise<T>): Promise<T> {
    const { queue, id, opener } = read;
    if (!opener.isReady) return this.#use({ isOwn: false, fits: () => true }, close);
    opener.forget(queue, id);
    try {
      return await close(opener);
    } finally {
      this.#changed(opener);
    }
  }

  /** Waits for a connection that fits, unless there is one, and uses it at once. */
  #use<T>(need: Need, use: (connection: ReadConnection) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#isClosed) return Promise.reject(new TransportError("closed", "the client is closed"));
    const found = this.#find(need);
    if (found !== undefined) return this.#begin(found, use);
    return new Promise((resolve, reject) => {
      const { timeoutMs, connectionsMax } = this.#options;
      const leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
        this.#applicants.delete(applicant);
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
      this.#applicants.add(applicant);
      this.#pump();
    });
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
      this.#changed(connection);
    }
  }

  /** There may be room on a connection now, or nothing left on it. */
  #changed(connection: ReadConnection): void {
    if (this.#applicants.size > 0) this.#pump();
    if (connection.isReady && connection.isIdle && !this.#idleTimers.has(connection)) {
      this.#idleTimers.set(
        connection,
        setTimeout(() => {
          if (connection.isIdle) connection.destroy();
        }, this.#options.idleMs),
      );
    }
    this.#checkDrained();
  }

  #pump(): void {
    let own = 0;
    let shared = 0;
    for (const applicant of [...this.#applicants]) {
      const found = this.#find(applicant);
      if (found !== undefined) applicant.use(found);
      else if (applicant.isOwn) own++;
      else shared++;
    }
    const wanted = own + (shared === 0 ? 0 : Math.max(1, Math.ceil(shared / this.#bound.most)));
    const room = this.#options.connectionsMax - this.#connections.length;
    while (this.#connecting < Math.min(wanted, room, CONNECTING_MAX)) void this.#connect();
  }

  async #connect(): Promise<void> {
    this.#connecting++;
    try {
      const connection = new ReadConnection(await this.#options.connect(), this.#options);
      if (this.#isClosed) {
        connection.destroy();
        return;
      }
      this.#connections.push(connection);
      connection.onEnd(() => this.#forget(connection));
      this.#changed(connection);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      for (const applicant of [...this.#applicants]) applicant.reject(error);
    } finally {
      this.#connecting--;
      this.#pump();
    }
  }

  #forget(connection: ReadConnection): void {
    clearTimeout(this.#idleTimers.get(connection));
    this.#idleTimers.delete(connection);
    this.#connections = this.#connections.filter((each) => each !== connection);
    // The node may have been started anew, with another bound.
    if (this.#connections.length === 0) this.#bound = new OpenBound();
    this.#pump();
    this.#checkDrained();
  }

  get #isDrained(): boolean {
    return this.#opening === 0 && this.#connections.every(({ isIdle }) => isIdle);
  }

  #checkDrained(): void {
    if (this.#whenDrained.length === 0 || !this.#isDrained) return;
    for (const resolve of this.#whenDrained.splice(0)) resolve();
  }
}

/** Rejects at once when the signal comes; what is found afterwards goes back. */
async function unlessAborted(opening: Promise<OpenRead[]>, signal: AbortSignal): Promise<OpenRead[]> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(new TransportError("aborted", "aborted while waiting"));
    signal.addEventListener("abort", abort, { once: true });
  });
  opening.then(
    (reads) => {
      if (signal.aborted) for (const read of reads) void read.abort();
    },
    () => {},
  );
  try {
    return await Promise.race([opening, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
