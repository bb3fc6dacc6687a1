// Keeps the members of a cluster as DNS has them: looks each name up again and again, lets in what is new, lets go what
// has vanished. A failed or empty answer changes nothing. Nodes that somebody else let in are never let go here, and
// nodes that somebody else let go stay away until DNS has forgotten them.

import { Resolver } from "node:dns/promises";
import { Backoff } from "../cluster/backoff.ts";
import type { ResolvedNodeSpec } from "../node-address.ts";
import { type DnsResolver, lookUp } from "./dns-lookup.ts";
import type { DnsServer } from "./dns-server.ts";

/** The members, as far as they are discovery's business. */
export interface Members {
  /** How many are in the cluster, apart from those that are leaving. */
  readonly length: number;
  /** The weight of a node that is in the cluster. */
  findWeight(id: string): number | undefined;
  /** Whether the node was let go and isn't done with yet: it can't be let in again before. */
  isLeaving(id: string): boolean;
  add(node: ResolvedNodeSpec): void;
  reweigh(id: string, weight: number): void;
  /** Resolves when the node is done with. */
  remove(id: string): Promise<unknown>;
}

export interface DiscoveryParts {
  readonly servers: readonly DnsServer[];
  readonly members: Members;
  readonly refreshMs: number;
  /** How long calls are held up for the first answers, in milliseconds. */
  readonly firstAnswerMs: number;
  readonly resolver: DnsResolver | undefined;
  /** Told of each lookup that failed, wholly or in part, or gave no nodes. */
  onError(server: string, error: Error): void;
}

const RETRY_MS = 500;
/** The part of the time between two lookups that is left to chance. */
const JITTER = 0.2;
/** Of one query; three are sent before a lookup has failed. */
const QUERY_MS = 2_000;

interface Source {
  readonly server: DnsServer;
  readonly retry: Backoff;
  /** The last answer that had nodes. */
  nodes: ReadonlyMap<string, ResolvedNodeSpec>;
  hasAnswered: boolean;
  timer: NodeJS.Timeout | undefined;
}

export class Discovery {
  readonly #parts: DiscoveryParts;
  readonly #resolver: DnsResolver;
  readonly #sources: readonly Source[];
  /** Ids of nodes that were let in from here and that DNS has had ever since. */
  readonly #owned = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #firstTimer: NodeJS.Timeout | undefined;
  #isAnswered = false;
  #isClosed = false;

  /** Starts looking. */
  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    this.#resolver = parts.resolver ?? new Resolver({ timeout: QUERY_MS, tries: 3 });
    const retryMs = Math.min(RETRY_MS, parts.refreshMs);
    this.#sources = parts.servers.map((server) => ({
      server,
      retry: new Backoff({ minMs: retryMs, maxMs: parts.refreshMs, factor: 2, jitter: 0.5 }),
      nodes: new Map(),
      hasAnswered: false,
      timer: undefined,
    }));
    this.#firstTimer = setTimeout(() => this.#letGoOn(), parts.firstAnswerMs);
    for (const source of this.#sources) void this.#look(source);
  }

  /**
   * Resolves when each name was looked up once, well or not, when that takes too long, or when the signal or close()
   * says so; in the order of the calls.
   */
  answered(signal?: AbortSignal): Promise<void> {
    if (this.#isAnswered || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const goOn = (): void => {
        this.#waiting.delete(goOn);
        signal?.removeEventListener("abort", goOn);
        resolve();
      };
      this.#waiting.add(goOn);
      signal?.addEventListener("abort", goOn, { once: true });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#letGoOn();
    for (const { timer } of this.#sources) clearTimeout(timer);
    this.#resolver.cancel?.();
  }

  async #look(source: Source): Promise<void> {
    const { server, retry } = source;
    const { nodes, error } = await lookUp(server, this.#resolver, source.nodes);
    if (this.#isClosed) return;
    if (nodes.size > 0) source.nodes = nodes;
    if (error === undefined) retry.reset();
    const { refreshMs } = this.#parts;
    const pauseMs = error === undefined ? refreshMs * (1 - JITTER * Math.random()) : retry.nextMs();
    source.timer = setTimeout(() => void this.#look(source), pauseMs).unref();
    source.hasAnswered = true;
    this.#reconcile();
    if (this.#sources.every(({ hasAnswered }) => hasAnswered)) this.#letGoOn();
    if (error !== undefined) this.#parts.onError(server.text, error);
  }

  #letGoOn(): void {
    this.#isAnswered = true;
    clearTimeout(this.#firstTimer);
    for (const goOn of [...this.#waiting]) goOn();
  }

  /** Lets in before it lets go, so that the cluster is never without nodes. */
  #reconcile(): void {
    const { members } = this.#parts;
    const wanted = new Map(this.#sources.flatMap(({ nodes }) => [...nodes]));
    for (const [id, node] of wanted) {
      const weight = members.findWeight(id);
      if (this.#owned.has(id)) {
        if (weight !== undefined && weight !== node.weight) members.reweigh(id, node.weight);
      } else if (weight === undefined && !members.isLeaving(id)) {
        this.#owned.add(id);
        members.add(node);
      }
    }
    for (const id of this.#owned) {
      if (wanted.has(id)) continue;
      const isMember = members.findWeight(id) !== undefined;
      // The one that is to take its place is still on its way out: it comes back first.
      if (isMember && members.length === 1) continue;
      this.#owned.delete(id);
      if (isMember) void this.#remove(id);
    }
  }

  /** DNS may have the node again when it is done with. */
  async #remove(id: string): Promise<void> {
    await this.#parts.members.remove(id);
    if (!this.#isClosed) this.#reconcile();
  }
}
