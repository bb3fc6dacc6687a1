// Who is in a client's cluster, and how that changes: nodes are let in and go by users or as names are looked up, fall
// and come up again. Tells of it by the client's events, and tells those whom it concerns.

import type { EventEmitter } from "node:events";
import type { NodeInfo } from "./call-options.ts";
import { Cluster } from "./cluster/cluster.ts";
import { Departures } from "./cluster/departures.ts";
import { Membership } from "./cluster/membership.ts";
import type { ClusterNode, NodeChange } from "./cluster/node.ts";
import { Discovery } from "./discovery/discovery.ts";
import { type NamedServer, splitServers } from "./discovery/named-server.ts";
import { clientErrorOf, KestrelClientError } from "./errors.ts";
import type { ClusterEvents } from "./events.ts";
import type { ServerSpec } from "./node-address.ts";
import type { ResolvedOptions } from "./options.ts";

/** How long a node that is let go may take, unless it is said. */
export const REMOVE_MS = 30_000;

export interface MembersParts {
  readonly options: ResolvedOptions;
  readonly events: EventEmitter<ClusterEvents>;
  /** Queues that are read by this client: of these a node that is let go may still have items for it. */
  queues(): Iterable<string>;
  /** There may be other nodes to ask now than before. */
  onChange(): void;
}

export class Members {
  readonly cluster: Cluster = new Cluster();
  readonly departures: Departures = new Departures();
  readonly #parts: MembersParts;
  readonly #membership: Membership;
  readonly #named: readonly NamedServer[];
  /** Only where there are names to look up, in DNS or ZooKeeper. */
  #discovery: Discovery | undefined;
  /** Of each node that is being let go; aborted when there is no more time for it. */
  readonly #removals = new Set<AbortController>();
  #isStopped = false;

  /** Throws `bad-request` when the servers can't be a cluster. */
  constructor(servers: readonly ServerSpec[], parts: MembersParts) {
    this.#parts = parts;
    const { plain, named } = splitServers(servers, parts.options.defaultPort);
    this.#named = named;
    this.#membership = new Membership(plain, {
      options: parts.options,
      cluster: this.cluster,
      departures: this.departures,
      mayBeEmpty: named.length > 0,
    });
    this.cluster.listen((node, change) => this.#onNodeChange(node, change));
  }

  /** Begins to look names up, if there are any. */
  start(): void {
    if (this.#named.length > 0) this.#discovery = this.#discover();
  }

  /**
   * Undefined where all nodes are known from the beginning. Otherwise calls wait for this, in their order, until the
   * names have been looked up for the first time.
   */
  known(signal: AbortSignal | undefined): Promise<void> | undefined {
    return this.#discovery === undefined ? undefined : this.#answered(this.#discovery, signal);
  }

  /** The nodes, and how they were when last heard of. */
  infos(): NodeInfo[] {
    return this.cluster.nodes.map(({ id, host, port, weight, state }) => ({ id, host, port, weight, state }));
  }

  /** Lets a node in, and gives its id. Throws `bad-request` if there is one with that id. */
  add(server: ServerSpec): string {
    const id = this.#membership.add(server);
    this.#changed();
    this.#parts.events.emit("node:added", { node: id });
    return id;
  }

  /** Lets a node go, for so long at most; true: nothing that concerns this client is left there. */
  async remove(id: string, ms: number): Promise<boolean> {
    const removal = new AbortController();
    const timer = setTimeout(() => removal.abort(), Math.max(0, ms));
    this.#removals.add(removal);
    try {
      const queues = [...this.#parts.queues()];
      const isEmpty = await this.#membership.remove(id, queues, removal.signal, () => this.#changed());
      this.#parts.events.emit("node:removed", { node: id, isEmpty });
      return isEmpty;
    } finally {
      clearTimeout(timer);
      this.#removals.delete(removal);
    }
  }

  /** Nothing changes any more, and nothing is told. Resolves when no name is being looked up. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#discovery?.close();
  }

  /** Ends all connections; nodes that are being let go have no more time. */
  async close(): Promise<void> {
    for (const removal of this.#removals) removal.abort();
    await this.#membership.close();
  }

  async #answered(discovery: Discovery, signal: AbortSignal | undefined): Promise<void> {
    await discovery.answered(signal);
    if (this.#isStopped) throw new KestrelClientError("closed", "the client is closed");
    if (signal?.aborted) throw new KestrelClientError("aborted", "aborted before anything was sent");
    const cause = discovery.fatal;
    if (cause !== undefined) throw new KestrelClientError("bad-request", cause.message, { cause });
  }

  #discover(): Discovery {
    const { cluster } = this;
    const { options, events } = this.#parts;
    return new Discovery({
      servers: this.#named,
      ...options.discovery,
      endpoint: options.transport,
      firstAnswerMs: options.timeoutMs,
      members: {
        get length() {
          return cluster.length;
        },
        find: (id) => cluster.findNode(id),
        isLeaving: (id) => this.departures.nodes.some((node) => node.id === id),
        add: (node) => this.add(node),
        update: (id, state) => {
          this.#membership.update(id, state);
          this.#changed();
        },
        remove: (id) => this.remove(id, REMOVE_MS),
      },
      onError: (server, error) => events.emit("discovery:error", { server, error }),
    });
  }

  #onNodeChange(node: ClusterNode, change: NodeChange): void {
    if (this.#isStopped) return;
    this.#changed();
    const { events } = this.#parts;
    if (change.kind === "up") events.emit("node:up", { node: node.id });
    if (change.kind === "down") {
      events.emit("node:down", { node: node.id, error: clientErrorOf(change.error, node.id) });
    }
  }

  #changed(): void {
    if (!this.#isStopped) this.#parts.onChange();
  }
}
