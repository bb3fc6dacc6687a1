// Reads at one node: opening items that are there or will be, and confirming them or putting them back by their ids, over
// whichever connection.
//
// A node may bound the items open on one connection, without saying so: it gives fewer then, as if nothing were there.
// So "nothing there" is believed only of a connection that surely had room, and otherwise asked once more on one
// where nothing of the queue is open.

import { fairWaitMs } from "../fair-wait.ts";
import type { OpenRead } from "../transport.ts";
import { TransportError } from "../transport-error.ts";
import type { LentItem } from "./calls.ts";
import type { ReadConnection, TakeAnswer } from "./read-connection.ts";
import { ReadPool, type ReadPoolOptions } from "./read-pool.ts";
import { RefusedCall } from "./refused-call.ts";
import { type LentOperations, ThriftOpenRead } from "./thrift-open-read.ts";

/** Reads that are being opened at one time, so that answers can't pile up without bound. */
const OPENING_MAX = 16_384;
/** Items asked for in one call: enough to make its round trip cheap, and some such calls fit side by side. */
const CALL_LENGTH_MAX = 1_024;

export class ThriftReads {
  readonly #options: ReadPoolOptions;
  readonly #pool: ReadPool;
  readonly #settling = new Set<Promise<unknown>>();
  #opening = 0;
  #whenDrained: (() => void)[] = [];

  constructor(options: ReadPoolOptions) {
    this.#options = options;
    this.#pool = new ReadPool(options, () => this.#checkDrained());
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
    const length = Math.min(lengthMax, CALL_LENGTH_MAX);
    return this.#open(length, () => this.#takeMany(queue, length, signal), signal);
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
    this.#pool.close();
    await Promise.allSettled(this.#settling);
    this.#pool.endAll();
  }

  async #wait(queue: string, waitMs: number, signal: AbortSignal | undefined): Promise<OpenRead | null> {
    const need = { isOwn: true, kind: "wait", fits: (connection: ReadConnection) => connection.isIdle };
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
    return this.#pool.use(need, wait, signal);
  }

  /** As long as others wait for a connection, nobody keeps one for long. */
  #fairWaitMs(waitMs: number): number {
    const { length, crowd } = this.#pool;
    return crowd === 0 ? waitMs : fairWaitMs(waitMs, length, crowd);
  }

  async #take(queue: string, signal?: AbortSignal, doubtfulLength?: number): Promise<OpenRead | null> {
    let doubt = doubtfulLength;
    for (;;) {
      const isDoubtful = doubt !== undefined;
      const need = {
        isOwn: false,
        kind: isDoubtful ? `sure ${queue}` : `take ${queue}`,
        fits: (connection: ReadConnection) => this.#mayHaveRoom(connection, queue, isDoubtful),
      };
      const taken = await this.#pool.use(
        need,
        async (connection) => ({ connection, answer: await connection.take(queue) }),
        signal,
      );
      const { connection, answer } = taken;
      if (answer.item !== null) {
        this.#pool.bound.granted(answer.openLength);
        if (doubt !== undefined) this.#pool.bound.reached(doubt);
        return this.#readOf(answer.item, queue, connection);
      }
      if (this.#isCertain(answer)) return null;
      if (!answer.isCut) doubt = answer.openLengthMax;
    }
  }

  /** Who has been given nothing goes where there surely is room, once it is known how much that is. */
  #mayHaveRoom(connection: ReadConnection, queue: string, isDoubtful: boolean): boolean {
    const { least, most } = this.#pool.bound;
    if (!isDoubtful) return connection.claimedLengthOf(queue) < most;
    if (most === Number.POSITIVE_INFINITY) return connection.openLengthOf(queue) === 0;
    return connection.claimedLengthOf(queue) < least;
  }

  async #takeMany(queue: string, lengthMax: number, signal?: AbortSignal): Promise<OpenRead[]> {
    const room = (connection: ReadConnection): number =>
      this.#pool.bound.most - connection.claimedLengthOf(queue);
    const take = async (connection: ReadConnection): Promise<OpenRead[]> => {
      const length = Math.min(lengthMax, room(connection));
      const answers = await Promise.all(Array.from({ length }, () => connection.take(queue)));
      const reads = answers.map(({ item }) => this.#readOf(item, queue, connection));
      const taken = reads.filter((read) => read !== null);
      if (taken.length > 0) this.#pool.bound.granted(answers[0]!.openLength);
      return taken;
    };
    const need = { isOwn: false, kind: `many ${queue}`, fits: (each: ReadConnection) => room(each) > 0 };
    const reads = await this.#pool.use(need, take, signal);
    if (reads.length > 0) return reads;
    const last = await this.#take(queue, signal);
    return last === null ? [] : [last];
  }

  /** Whether there was nothing because nothing is there. */
  #isCertain({ openLengthMax, isCut }: TakeAnswer): boolean {
    return !isCut && (openLengthMax === 0 || openLengthMax < this.#pool.bound.least);
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
    if (next !== null) this.#pool.bound.granted(answer!.openLength);
    this.#pool.changed(opener);
    try {
      if (!(await confirming)) throw new TransportError("lost", "the item had gone back to its queue");
    } catch (error) {
      await next?.abort();
      throw await this.#unconfirmed(read, opener, error);
    }
    if (next !== null || answer === undefined || this.#isCertain(answer)) return next;
    // Confirmed is confirmed, whatever comes of looking further.
    return this.#take(queue, undefined, answer.isCut ? undefined : answer.openLengthMax).catch(() => null);
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
    if (!opener.isReady) return this.#pool.use({ isOwn: false, kind: "close", fits: () => true }, close);
    opener.forget(queue, id);
    try {
      return await close(opener);
    } finally {
      this.#pool.changed(opener);
    }
  }

  get #isDrained(): boolean {
    return this.#opening === 0 && this.#pool.isIdle;
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
