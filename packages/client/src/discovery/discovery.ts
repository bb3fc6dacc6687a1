// Keeps the members of a cluster as its sources have them: lets in what is new, lets go what has vanished. Nodes that
// somebody else let in are never let go here, and nodes that somebody else let go stay away until the sources have
// forgotten them.

import { Resolver } from "node:dns/promises";
import type { ResolvedNodeSpec } from "../node-address.ts";
import type { TransportName } from "../options.ts";
import type { DnsResolver } from "./dns-lookup.ts";
import { DnsSource } from "./dns-source.ts";
import type { NamedServer } from "./named-server.ts";
import type { FoundNode, FoundNodes, News, Source } from "./source.ts";
import { ZookeeperSource } from "./zookeeper-source.ts";

/** What sources may change of a member. */
export type MemberState = Pick<FoundNode, "weight" | "takesPuts">;

/** The members, as far as they are discovery's business. */
export interface Members {
  /** How many are in the cluster, apart from those that are leaving. */
  readonly length: number;
  /** Of a node that is in the cluster. */
  find(id: string): MemberState | undefined;
  /** Whether the node was let go and isn't done with yet: it can't be let in again before. */
  isLeaving(id: string): boolean;
  /** Lets a node in, which is to take puts. */
  add(node: ResolvedNodeSpec): void;
  update(id: string, state: MemberState): void;
  /** Resolves when the node is done with. */
  remove(id: string): Promise<unknown>;
}

export interface DiscoveryParts {
  readonly servers: readonly NamedServer[];
  readonly members: Members;
  readonly refreshMs: number;
  /** How long a session with ZooKeeper outlives its connection, in milliseconds. */
  readonly sessionTimeoutMs: number;
  /** What the nodes of ZooKeeper are to be spoken to with. */
  readonly endpoint: TransportName;
  /** How long calls are held up for the first answers, in milliseconds. */
  readonly firstAnswerMs: number;
  readonly resolver: DnsResolver | undefined;
  /** Told of each lookup that failed, wholly or in part, or gave no nodes. */
  onError(server: string, error: Error): void;
}

/** Of one query; three are sent before a lookup has failed. */
const QUERY_MS = 2_000;

interface Place {
  readonly source: Source;
  nodes: FoundNodes;
  hasAnswered: boolean;
}

export class Discovery {
  readonly #parts: DiscoveryParts;
  readonly #resolver: DnsResolver;
  readonly #places: readonly Place[];
  /** Ids of nodes that were let in from here and that the sources have had ever since. */
  readonly #owned = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #firstTimer: NodeJS.Timeout | undefined;
  #isAnswered = false;
  #isClosed = false;
  #fatal: Error | undefined;

  /** Starts looking. */
  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    this.#resolver = parts.resolver ?? new Resolver({ timeout: QUERY_MS, tries: 3 });
    this.#firstTimer = setTimeout(() => this.#letGoOn(), parts.firstAnswerMs);
    this.#places = parts.servers.map((server) => this.#open(server));
  }

  #open(server: NamedServer): Place {
    const { refreshMs, sessionTimeoutMs, endpoint } = this.#parts;
    const onNews = (news: News): void => this.#learn(server, place, news);
    const source =
      server.kind === "zookeeper"
        ? new ZookeeperSource(server, { sessionTimeoutMs, endpoint, onNews })
        : new DnsSource(server, { refreshMs, resolver: this.#resolver, onNews });
    const place: Place = { source, nodes: new Map(), hasAnswered: false };
    return place;
  }

  /** Why some source will never find anything. */
  get fatal(): Error | undefined {
    return this.#fatal;
  }

  /**
   * Resolves when each source has told something, well or not, when that takes too long, or when the signal or close()
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

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#letGoOn();
    this.#resolver.cancel?.();
    await Promise.all(this.#places.map(({ source }) => source.close()));
  }

  #learn(server: NamedServer, place: Place, { nodes, error, isFatal }: News): void {
    if (this.#isClosed) return;
    place.hasAnswered = true;
    if (nodes !== undefined) place.nodes = nodes;
    if (isFatal) this.#fatal = error;
    this.#reconcile();
    if (this.#places.every(({ hasAnswered }) => hasAnswered)) this.#letGoOn();
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
    const wanted = mergeNodes(this.#places);
    for (const [id, node] of wanted) {
      let member = members.find(id);
      if (member === undefined && !this.#owned.has(id) && !members.isLeaving(id)) {
        this.#owned.add(id);
        members.add(node);
        member = members.find(id);
      }
      if (member === undefined || !this.#owned.has(id)) continue;
      const { weight, takesPuts } = node;
      if (member.weight !== weight || member.takesPuts !== takesPuts)
        members.update(id, { weight, takesPuts });
    }
    for (const id of this.#owned) {
      if (wanted.has(id)) continue;
      const isMember = members.find(id) !== undefined;
      // The one that is to take its place is still on its way out: it comes back first.
      if (isMember && members.length === 1) continue;
      this.#owned.delete(id);
      if (isMember) void this.#remove(id);
    }
  }

  /** The sources may have the node again when it is done with. */
  async #remove(id: string): Promise<void> {
    await this.#parts.members.remove(id);
    if (!this.#isClosed) this.#reconcile();
  }
}

/** A node that one of them would not have written to isn't. */
function mergeNodes(places: readonly Place[]): Map<string, FoundNode> {
  const merged = new Map<string, FoundNode>();
  for (const { nodes } of places) {
    for (const [id, node] of nodes) {
      const takesPuts = node.takesPuts && merged.get(id)?.takesPuts !== false;
      merged.set(id, { ...node, takesPuts });
    }
  }
  return merged;
}
