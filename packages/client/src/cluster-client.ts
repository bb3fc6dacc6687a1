// KestrelClusterClient: producers and consumers over a cluster of nodes that know nothing of each other. Here is
// what users call; how nodes are chosen is in cluster/, how they are spoken to in transport/.

import { EventEmitter } from "node:events";
import { Cluster } from "./cluster/cluster.ts";
import { ClusterNode, type NodeChange, type NodeState } from "./cluster/node.ts";
import { type PutOutcome, Puts } from "./cluster/puts.ts";
import { type ReadRequest, Reads } from "./cluster/reads.ts";
import { createStrategy } from "./cluster/strategy.ts";
import { clientErrorOf, KestrelClientError } from "./errors.ts";
import { wireExpiry } from "./expiry.ts";
import { Item, OpenItem } from "./item.ts";
import { type ResolvedNodeSpec, resolveNodeSpec } from "./node-address.ts";
import { type ClusterOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { checkQueueForPut, checkQueueForRead } from "./queue-name.ts";
import { MemcacheTransport } from "./transport/memcache/memcache-transport.ts";
import type { NodeTransport } from "./transport/transport.ts";
import { TransportError } from "./transport/transport-error.ts";

export interface PutOptions {
  /** When the item is of no use any more: a moment, or seconds from now. Default: never. */
  readonly expires?: Date | number;
  /** All items with the same key go to the same node, and so keep their order. */
  readonly key?: string;
  /** Ends the attempt. The put rejects with `aborted` if nothing was sent, else with `unknown`. */
  readonly signal?: AbortSignal;
}

export interface GetOptions {
  /** How long to wait for an item when there is none, in milliseconds. Default 0. */
  readonly wait?: number;
  /**
   * When nothing was found but some nodes could not be asked: `"error"` (default) rejects with `node-down`,
   * `"empty"` gives null all the same.
   */
  readonly partial?: "error" | "empty";
  /** Ends the wait with a rejection, `aborted`. No item is lost by it. */
  readonly signal?: AbortSignal;
}

/** What each node answered to something that was asked of all. */
export type NodeResult =
  | { readonly node: string; readonly ok: true }
  | { readonly node: string; readonly ok: false; readonly error: KestrelClientError };

export type NodeStats =
  | { readonly node: string; readonly ok: true; readonly stats: Map<string, string> }
  | { readonly node: string; readonly ok: false; readonly error: KestrelClientError };

export interface NodeInfo {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  /** Up until found otherwise: a node that was never asked anything counts as up. */
  readonly state: NodeState;
}

export interface ClusterEvents {
  /** A node can't be reached, or stopped answering. It is left out, and tried again by and by. */
  "node:down": [{ readonly node: string; readonly error: KestrelClientError }];
  /** A node that was down answers again. */
  "node:up": [{ readonly node: string }];
}

/** How often one get() reads anew because its item went back before it could be confirmed. */
const CONFIRM_ATTEMPTS_MAX = 5;

/**
 * A client of a cluster of Kestrel nodes. Nothing is connected until something is asked. Nodes may be down or
 * not there yet: they are used as soon as they answer. Call close() in the end, or the process won't end.
 *
 * Every rejection is a KestrelClientError with a `code`.
 */
export class KestrelClusterClient extends EventEmitter<ClusterEvents> implements AsyncDisposable {
  readonly #options: ResolvedOptions;
  readonly #cluster = new Cluster();
  readonly #puts: Puts;
  readonly #reads: Reads;
  #closing: Promise<void> | undefined;

  /** Throws `bad-request`, naming what is wrong, when the options make no sense. */
  constructor(options: ClusterOptions) {
    super();
    this.#options = resolveOptions(options);
    const specs = options.servers.map(resolveNodeSpec);
    const twice = specs.find((spec, index) => specs.findIndex(({ id }) => id === spec.id) !== index);
    if (twice !== undefined)
      throw new KestrelClientError("bad-request", `two servers have the id "${twice.id}"`);
    if (specs.length === 0)
      throw new KestrelClientError("bad-request", "a cluster needs at least one server");
    this.#cluster.setNodes(specs.map((spec) => this.#createNode(spec)));
    const strategy = createStrategy(this.#options.strategy, this.#cluster);
    this.#puts = new Puts(strategy, this.#options.guarantee);
    this.#reads = new Reads(strategy);
    this.#cluster.listen((node, change) => this.#onNodeChange(node, change));
  }

  /**
   * Puts one item at the end of a queue, on the node whose turn it is. A node that can't be reached or takes
   * nothing at present is passed over: as long as it is certain that the item is nowhere yet, the next one is
   * tried. Under round robin and random a full queue's item goes to the next node too, unless it has a key.
   *
   * Text is stored as UTF-8. The data must not change until the promise settles. Puts of one client are
   * stored by each node in the order of the calls, failures aside.
   *
   * Resolves with the outcome once a node has answered: stored, or refused because the queue is full or the
   * item too large. Rejects with `unknown` when it may have been stored (`node` says where), `no-node` or
   * `unavailable` when it surely was not, `busy`, `bad-request`, `unauthorized`, `aborted`, `closed`.
   */
  async put(
    queue: string,
    data: Buffer | Uint8Array | string,
    options: PutOptions = {},
  ): Promise<PutOutcome> {
    this.#checkOpen();
    checkQueueForPut(queue);
    const item = { data: bytesOf(data), flags: 0, expiry: wireExpiry(options.expires) };
    return this.#puts.put({ queue, item, key: options.key, signal: options.signal });
  }

  /**
   * Takes one item from a queue. Null: every node that may have one said that there is nothing.
   *
   * The item is removed before it is given to you, so it is gone if your process ends now; see open(). It is
   * not lost on the way: it is read tentatively and confirmed when it has arrived. If the connection breaks
   * just then, you get the item although the node may still hand it out again.
   *
   * Rejects with `node-down` (see GetOptions.partial) when there was nothing but some nodes could not be
   * asked, `busy`, `bad-request`, `unauthorized`, `aborted`, `closed`.
   */
  async get(queue: string, options: GetOptions = {}): Promise<Item | null> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.#open(queue, options);
      if (found === null) return null;
      try {
        await found.read.confirm();
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        // It has gone back, and nobody has seen it yet: somebody else may get it now, or we.
        if (!error.mayHaveHappened) {
          if (attempt < CONFIRM_ATTEMPTS_MAX) continue;
          throw clientErrorOf(error, found.node.id);
        }
      }
      return new Item(queue, found.node.id, found.read);
    }
  }

  /**
   * Takes one item and keeps it set aside, for you alone, until you confirm it; if you don't, it goes back to
   * its old place. Each open item holds one connection. Outcomes and rejections are those of get().
   */
  async open(queue: string, options: GetOptions = {}): Promise<OpenItem | null> {
    const found = await this.#open(queue, options);
    return found === null ? null : new OpenItem(queue, found.node.id, found.read);
  }

  /** Shows the first item of the queue on the first node that has one, and leaves it there. As get() otherwise. */
  async peek(queue: string, options: Omit<GetOptions, "wait"> = {}): Promise<Item | null> {
    const request = this.#readRequest(queue, options);
    const answer = await this.#reads.ask(request, (transport) => transport.peek(queue, options.signal));
    return answer === null ? null : new Item(queue, answer.node.id, answer.value);
  }

  /** Deletes the queue, items and all, on every node. Resolves with what each node said. */
  async delete(queue: string): Promise<NodeResult[]> {
    checkQueueForPut(queue);
    return this.#onEveryNode((transport) => transport.deleteQueue(queue), nodeDid);
  }

  /** Removes all items of the queue on every node; open ones stay open. Resolves with what each node said. */
  async flush(queue: string): Promise<NodeResult[]> {
    checkQueueForPut(queue);
    return this.#onEveryNode((transport) => transport.flushQueue(queue), nodeDid);
  }

  /** The statistics of every node, by their names in the memcache protocol. */
  async stats(): Promise<NodeStats[]> {
    return this.#onEveryNode(
      (transport) => transport.stats(),
      (node, stats) => ({ node, ok: true, stats }),
    );
  }

  /** The nodes, and how they were when last heard of. */
  nodes(): NodeInfo[] {
    return this.#cluster.nodes.map(({ id, host, port, weight, state }) => ({
      id,
      host,
      port,
      weight,
      state,
    }));
  }

  /** The id of the node where the hash strategy keeps this queue while all nodes are up, whatever the strategy. */
  nodeFor(queue: string): string {
    checkQueueForPut(queue);
    return this.#cluster.homeOf(queue)!;
  }

  /**
   * Ends the client. Calls that wait for items are rejected with `closed` at once; puts and confirms that were
   * sent are given their time for an answer; then all connections end, and with them every open item goes
   * back to its queue. Calling it again gives the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    this.#reads.close();
    await Promise.all(this.#cluster.nodes.map((node) => node.close()));
  }

  #open(queue: string, options: GetOptions): ReturnType<Reads["open"]> {
    return this.#reads.open(this.#readRequest(queue, options));
  }

  #readRequest(queue: string, options: GetOptions): ReadRequest {
    this.#checkOpen();
    checkQueueForRead(queue);
    const waitMs = options.wait ?? 0;
    if (!(waitMs >= 0)) {
      throw new KestrelClientError("bad-request", `wait must be 0 or more milliseconds, not ${waitMs}`);
    }
    return { queue, waitMs, partial: options.partial ?? "error", signal: options.signal };
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new KestrelClientError("closed", "the client is closed");
  }

  #createNode(spec: ResolvedNodeSpec): ClusterNode {
    const options = this.#options;
    const transport = new MemcacheTransport({
      host: spec.host,
      port: spec.port,
      timeoutMs: options.timeoutMs,
      connectTimeoutMs: options.connectTimeoutMs,
      // What comes around an item: header and flags.
      replyBytesMax: options.itemBytesMax + 1024,
      readConnectionsMax: options.readConnectionsMax,
      idleMs: options.idleMs,
      waitingMax: options.waitingPutsMax,
      ...(options.credentials !== undefined && { credentials: options.credentials }),
    });
    return new ClusterNode({
      ...spec,
      transport,
      retry: options.retry,
      onChange: (node, change) => this.#cluster.announce(node, change),
    });
  }

  #onNodeChange(node: ClusterNode, change: NodeChange): void {
    if (this.#closing !== undefined) return;
    this.#reads.rearrange();
    if (change.kind === "up") this.emit("node:up", { node: node.id });
    if (change.kind === "down") {
      this.emit("node:down", { node: node.id, error: clientErrorOf(change.error, node.id) });
    }
  }

  #onEveryNode<T, R>(
    request: (transport: NodeTransport) => Promise<T>,
    ok: (node: string, answer: T) => R,
  ): Promise<(R | { node: string; ok: false; error: KestrelClientError })[]> {
    this.#checkOpen();
    return Promise.all(
      this.#cluster.nodes.map(async (node) => {
        try {
          return ok(node.id, await node.run("neither", request));
        } catch (error) {
          if (!(error instanceof TransportError)) throw error;
          return { node: node.id, ok: false as const, error: clientErrorOf(error, node.id) };
        }
      }),
    );
  }
}

function nodeDid(node: string): { readonly node: string; readonly ok: true } {
  return { node, ok: true };
}

function bytesOf(data: Buffer | Uint8Array | string): Buffer {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new KestrelClientError("bad-request", "an item's data must be a Buffer, a Uint8Array or a string");
}
