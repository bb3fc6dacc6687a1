/**
 * Reads a queue reliably to the end, to a count, or for ever. Each item is opened, delivered, and only then
 * confirmed, so that whatever stops us half-way leaves it in the queue. Items of one node are delivered in the
 * node's order; nodes are read side by side.
 */
import { setTimeout } from "node:timers/promises";
import { Interrupted } from "../exit-code.ts";
import { codeOf, explainOfNode } from "../failure.ts";
import type { Cluster } from "../nodes/cluster.ts";

type OpenItem = NonNullable<Awaited<ReturnType<Cluster["open"]>>>;

/** One thing to read from: a whole cluster, or one node of it. */
export interface Source {
  name: string;
  cluster: Pick<Cluster, "open">;
}

export interface ReadingOptions {
  queue: string;
  /** Ends after this many items. Reliable only with one source. */
  countMax: number;
  /** Ends when nothing has come from anywhere for this long; 0 ends as soon as nothing is there. */
  waitMs: number;
  /** Never ends by itself: waits for further items, and for nodes that are down to come back; not for rights. */
  isFollowing: boolean;
  /** Resolves when the item is safely out; rejects to stop the reading, and the item goes back. */
  deliver(item: OpenItem): Promise<void>;
  /** A line for people: a followed node went away or came back. */
  warn(line: string): void;
  interrupted: AbortSignal;
}

export interface ReadingResult {
  delivered: number;
  /** Delivered items that could not be confirmed: they will be handed out once more. */
  unconfirmed: number;
  failures: { name: string; error: unknown }[];
}

/** How long one request waits at most; a follower asks again and again. */
const onePollMs = 20_000;
const backoffMs = [250, 500, 1000, 2000, 4000] as const;

/**
 * Resolves when all sources have ended. A source that fails is told in the result and doesn't stop the
 * others. Rejects with what `deliver` rejected with, after everything still open has gone back.
 */
export async function readOut(sources: readonly Source[], options: ReadingOptions): Promise<ReadingResult> {
  const reading = new Reading(options);
  const forward = () => reading.stop();
  options.interrupted.addEventListener("abort", forward);
  if (options.interrupted.aborted) reading.stop();
  try {
    const ends = await Promise.allSettled(sources.map((source) => reading.read(source)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return reading.result;
  } finally {
    options.interrupted.removeEventListener("abort", forward);
  }
}

class Reading {
  readonly result: ReadingResult = { delivered: 0, unconfirmed: 0, failures: [] };
  readonly #options: ReadingOptions;
  readonly #stopping = new AbortController();
  #lastItemMs = Date.now();

  constructor(options: ReadingOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#stopping.abort(new Interrupted());
  }

  async read(source: Source): Promise<void> {
    try {
      await this.#readUntilEnd(source);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  async #readUntilEnd(source: Source): Promise<void> {
    const { countMax, isFollowing, deliver } = this.#options;
    let failuresInRow = 0;
    let hasLooked = false;
    let next: OpenItem | null = null;
    while (this.#isWanting) {
      let item = next;
      next = null;
      try {
        // The first look doesn't wait, so that what waiting doesn't mend is heard at once.
        item ??= await this.#open(source, hasLooked ? this.#waitMs() : 0);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        const mayPass = !isForGood(error);
        if (mayPass && !isFollowing && !hasLooked && this.#waitMs() > 0) {
          hasLooked = true;
          continue;
        }
        if (!mayPass || !isFollowing) {
          this.result.failures.push({ name: source.name, error });
          return;
        }
        if (failuresInRow === 0) this.#options.warn(`${explainOfNode(error)}; trying again until it is back`);
        await pause(backoffMs[Math.min(failuresInRow++, backoffMs.length - 1)]!, this.#stopping.signal);
        continue;
      }
      if (failuresInRow > 0) this.#options.warn(`${source.name} is back`);
      failuresInRow = 0;
      hasLooked = true;
      if (item === null) {
        if (!isFollowing && this.#waitMs() === 0) return;
        continue;
      }
      if (!this.#isWanting) {
        await giveBack(item);
        return;
      }
      this.#lastItemMs = Date.now();
      try {
        await deliver(item);
      } catch (error) {
        await giveBack(item);
        throw error;
      }
      this.result.delivered++;
      next = await this.#confirm(item, source, this.result.delivered < countMax);
    }
    if (next !== null) await giveBack(next);
  }

  get #isWanting(): boolean {
    return !this.#stopping.signal.aborted && this.result.delivered < this.#options.countMax;
  }

  #open(source: Source, wait: number): Promise<OpenItem | null> {
    const { queue } = this.#options;
    return source.cluster.open(queue, { wait, signal: this.#stopping.signal });
  }

  /** Confirms a delivered item; with the same round trip opens the next one of its node, if that is wanted. */
  async #confirm(item: OpenItem, source: Source, isNextWanted: boolean): Promise<OpenItem | null> {
    try {
      if (isNextWanted) return await item.confirmAndOpen();
      await item.confirm();
    } catch (error) {
      if (this.result.unconfirmed++ === 0) this.result.failures.push({ name: source.name, error });
    }
    return null;
  }

  #waitMs(): number {
    const { waitMs, isFollowing } = this.#options;
    if (isFollowing) return onePollMs;
    return Math.max(0, Math.min(onePollMs, this.#lastItemMs + waitMs - Date.now()));
  }
}

/** What time doesn't mend. */
function isForGood(error: unknown): boolean {
  const code = codeOf(error);
  return code === "unauthorized" || code === "bad-request";
}

/** Resolves after `ms`, or as soon as `signal` is aborted. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await setTimeout(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Gives an item back. Should that fail, the connection is gone, and the node takes the item back by itself. */
async function giveBack(item: OpenItem): Promise<void> {
  await item.abort().catch(() => {});
}
