// Where else the items of a hashed queue are: on nodes that stood in while its home was down, or that were its
// home before the ring changed. Nobody tells us, so the nodes are asked by and by, oftener after something has
// changed. What is found is read until it is empty.

import { isFanout } from "../queue-name.ts";
import { TransportError } from "../transport/transport-error.ts";
import { Backoff, type BackoffOptions } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterNode } from "./node.ts";

export interface StraysOptions {
  readonly cluster: Cluster;
  /** How often to look, while a queue is being read. */
  readonly search: BackoffOptions;
  /** Items of this queue were found in a new place. */
  onFound(queue: string): void;
}

/** Queues that are remembered although nobody is reading them at the moment. */
const QUEUES_MAX = 10_000;

/** Queues that are looked for at the same time: thousands would be in the way of whoever else asks the nodes. */
const LOOKS_MAX = 32;

interface Search {
  readonly queue: string;
  readonly places: Set<ClusterNode>;
  readonly backoff: Backoff;
  readers: number;
  /** On the clock of performance.now(). */
  dueAt: number;
  timer: NodeJS.Timeout | undefined;
  current: Promise<void> | undefined;
}

export class Strays {
  readonly #options: StraysOptions;
  readonly #searches = new Map<string, Search>();
  #looks = 0;
  readonly #line: (() => void)[] = [];
  #isClosed = false;

  constructor(options: StraysOptions) {
    this.#options = options;
  }

  /** The nodes, apart from its home, that are known to have items of the queue. */
  placesOf(queue: string): ReadonlySet<ClusterNode> {
    return this.#searches.get(queue)?.places ?? NOWHERE;
  }

  /** The node said that it has nothing more of the queue. */
  emptied(queue: string, node: ClusterNode): void {
    this.#searches.get(queue)?.places.delete(node);
  }

  /** Somebody waits for items of the queue: looks now and again until the returned function is called. */
  attend(queue: string): () => void {
    const search = this.#searchOf(queue);
    search.readers++;
    this.#schedule(search);
    return () => {
      search.readers--;
      if (search.readers === 0) clearTimeout(search.timer);
    };
  }

  /** Looks now if it is time to. True: the places are known as well as they can be, and there are some. */
  async lookIfDue(queue: string): Promise<boolean> {
    const search = this.#searchOf(queue);
    if (performance.now() >= search.dueAt) await this.#look(search);
    return search.places.size > 0;
  }

  /** A node came up or went down, or the ring changed: what was known is out of date. */
  somethingChanged(): void {
    for (const search of this.#searches.values()) {
      search.backoff.reset();
      search.dueAt = 0;
      if (search.readers > 0) this.#schedule(search);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#searches.values()) clearTimeout(timer);
    this.#searches.clear();
  }

  #searchOf(queue: string): Search {
    let search = this.#searches.get(queue);
    if (search === undefined) {
      search = {
        queue,
        places: new Set(),
        backoff: new Backoff(this.#options.search),
        readers: 0,
        dueAt: 0,
        timer: undefined,
        current: undefined,
      };
      this.#searches.set(queue, search);
      this.#forgetOldest();
    }
    return search;
  }

  /** Forgetting a queue that nobody reads costs another look at most. */
  #forgetOldest(): void {
    if (this.#searches.size <= QUEUES_MAX) return;
    for (const [queue, { readers, current }] of this.#searches) {
      if (readers > 0 || current !== undefined) continue;
      this.#searches.delete(queue);
      return;
    }
  }

  #schedule(search: Search): void {
    if (this.#isClosed) return;
    clearTimeout(search.timer);
    const pauseMs = Math.max(0, search.dueAt - performance.now());
    search.timer = setTimeout(() => void this.#look(search), pauseMs);
  }

  async #look(search: Search): Promise<void> {
    search.current ??= this.#ask(search);
    await search.current;
  }

  async #ask(search: Search): Promise<void> {
    if (this.#looks === LOOKS_MAX) await new Promise<void>((resolve) => this.#line.push(resolve));
    else this.#looks++;
    search.dueAt = performance.now() + search.backoff.nextMs();
    const [, ...others] = this.#isClosed ? [] : this.#options.cluster.nodesForQueue(search.queue);
    await Promise.all(others.map((node) => this.#askNode(search, node)));
    search.current = undefined;
    const next = this.#line.shift();
    if (next === undefined) this.#looks--;
    else next();
    if (this.#isClosed) return;
    if (search.readers > 0) this.#schedule(search);
  }

  /** Told at once: another node may be slow to answer. */
  #found(search: Search, node: ClusterNode): void {
    if (this.#isClosed || search.places.has(node)) return;
    search.places.add(node);
    search.backoff.reset();
    this.#options.onFound(search.queue);
  }

  async #askNode(search: Search, node: ClusterNode): Promise<void> {
    if (!node.isFit("reads")) return;
    try {
      if (await hasItems(node, search.queue)) this.#found(search, node);
    } catch (error) {
      // It is asked again, next time or when it is back.
      if (!(error instanceof TransportError)) throw error;
    }
  }
}

/**
 * A fanout gets what is put into its parent from the moment on when it is first read, and that goes for each node: so
 * it is read on those that may have to stand in, before they do. Other queues are not made where they aren't needed.
 */
async function hasItems(node: ClusterNode, queue: string): Promise<boolean> {
  return isFanout(queue) ? (await node.peek(queue)) !== null : (await node.itemsIn(queue)) > 0;
}

const NOWHERE: ReadonlySet<ClusterNode> = new Set();
