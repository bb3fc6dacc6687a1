// KestrelClusterClient: producers and consumers over a cluster of nodes that know nothing of each other. Here is
// what users call; how nodes are chosen is in cluster/, how they are spoken to in transport/.

import { EventEmitter } from "node:events";
import { batchOutcomeOf, takeUpTo } from "./batches.ts";
import type {
  BatchOutcome,
  CallOptions,
  ClusterHealth,
  ConsumeOptions,
  GetOptions,
  ItemData,
  NodeInfo,
  NodeMetrics,
  NodeResult,
  NodeStats,
  PutOptions,
} from "./call-options.ts";
import { ClientParts } from "./client-parts.ts";
import type { ClusterNode } from "./cluster/node.ts";
import type { PutOutcome } from "./cluster/placement.ts";
import type { PutRequest } from "./cluster/puts.ts";
import type { ReadRequest } from "./cluster/reads.ts";
import type { Codec } from "./codec.ts";
import type { Consumer, Handler } from "./consumer/consumer.ts";
import { KestrelClientError } from "./errors.ts";
import type { ClusterEvents } from "./events.ts";
import { askEveryNode, checkHealth } from "./every-node.ts";
import { Item, OpenItem } from "./item.ts";
import { itemBytesOf } from "./item-data.ts";
import { REMOVE_MS } from "./members.ts";
import type { ServerSpec } from "./node-address.ts";
import type { ClusterOptions } from "./options.ts";
import { takeOne } from "./take-one.ts";
import { TypedQueue } from "./typed-queue.ts";

/** A loop without a limit waits in waits of this length. */
const WAIT_MS = 60_000;

/**
 * A client of a cluster of Kestrel nodes. Nothing is connected until something is asked. Nodes may be down or
 * not there yet: they are used as soon as they answer. Call close() in the end, or the process won't end.
 *
 * Every rejection is a KestrelClientError with a `code`. Names of queues are checked before anything is sent.
 */
export class KestrelClusterClient extends EventEmitter<ClusterEvents> implements AsyncDisposable {
  readonly #parts: ClientParts;
  #closing: Promise<void> | undefined;

  /** Throws `bad-request`, naming what is wrong, when the options make no sense. */
  constructor(options: ClusterOptions) {
    super();
    this.#parts = new ClientParts(options, this);
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
  async put(queue: string, data: ItemData, options: PutOptions = {}): Promise<PutOutcome> {
    this.#checkOpen();
    const { key } = options;
    const target = this.#parts.requests.putTarget(queue, options);
    const item = { data: itemBytesOf(data), ...this.#parts.requests.label(options) };
    const { put } = this.#parts.options.instrument;
    if (put === undefined) return this.#put({ ...target, item });
    return put({ queue, data: item.data, key }, (call) =>
      this.#put({ ...target, item: { ...item, data: itemBytesOf(call.data) } }),
    );
  }

  /**
   * Puts many items of one queue, each as put() would, all under way together; over thrift in one call for each node.
   * Resolves with what became of each, in their order. Rejects with `bad-request`, `closed` or `aborted` only, before
   * anything is sent.
   */
  async putMany(
    queue: string,
    items: readonly ItemData[],
    options: PutOptions = {},
  ): Promise<BatchOutcome[]> {
    this.#checkOpen();
    const request = {
      ...this.#parts.requests.putTarget(queue, options),
      ...this.#parts.requests.label(options),
      items: items.map(itemBytesOf),
    };
    const known = this.#parts.members.known(options.signal);
    if (known !== undefined) await known;
    const isEachTold = this.#parts.options.instrument.put !== undefined;
    const results = isEachTold
      ? await Promise.all(request.items.map((data) => this.put(queue, data, options).catch(clientError)))
      : await this.#parts.puts.putMany(request);
    return results.map(batchOutcomeOf);
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
    const request = await this.#readRequest(queue, options);
    const taken = await takeOne(() => this.#parts.reads.open(request));
    return taken === null ? null : new Item(queue, taken.node.id, taken.read);
  }

  /**
   * Takes up to `length` items that are there; waits, if told to, only for the first one. The order is that of no
   * queue: they come from several nodes at once. Promises and rejections are those of get(), but once there is
   * one item it never rejects.
   */
  async getMany(queue: string, length: number, options: GetOptions = {}): Promise<Item[]> {
    if (!Number.isInteger(length) || length < 1) {
      throw new KestrelClientError("bad-request", `the number of items must be 1 or more, not ${length}`);
    }
    const request = await this.#readRequest(queue, options);
    const taken = await takeUpTo(
      length,
      request,
      this.#parts.reads,
      this.#parts.options.transport === "thrift",
    );
    return taken.map(({ node, read }) => new Item(queue, node.id, read));
  }

  /**
   * Takes one item and keeps it set aside, for you alone, until you confirm it; if you don't, it goes back to
   * its old place. Over memcache each open item holds one connection. Outcomes and rejections are those of get().
   */
  async open(queue: string, options: GetOptions = {}): Promise<OpenItem | null> {
    const request = await this.#readRequest(queue, options);
    const found = await this.#parts.reads.open(request);
    return found === null ? null : new OpenItem(queue, found.node.id, found.read);
  }

  /** Shows the first item of the queue on the first node that has one, and leaves it there. As get() otherwise. */
  async peek(queue: string, options: Omit<GetOptions, "wait"> = {}): Promise<Item | null> {
    const request = await this.#readRequest(queue, options);
    const answer = await this.#parts.reads.ask(request, (node) => node.peek(request.queue, options.signal));
    return answer === null ? null : new Item(queue, answer.node.id, answer.value);
  }

  /**
   * Hands items of one queue, or of several (those named first are preferred), to the handler as they come: up to
   * `concurrency` at the same time, from all nodes, for ever. An item stays open while its handler is at work;
   * it is confirmed when the handler returns or resolves, and goes the way of `onFailure` when it throws. If the
   * process ends, it goes back. No item is taken that no handler is free for.
   *
   * An item may come again after it was handled if its connection broke before the confirm: see the event
   * "item:unconfirmed". Throws `bad-request` or `closed` at once; later troubles of nodes are waited out.
   */
  consume(queue: string | readonly string[], handler: Handler, options: ConsumeOptions = {}): Consumer {
    this.#checkOpen();
    return this.#parts.consumption.consume(queue, handler, options);
  }

  /**
   * The items of a queue, one at a time:
   *
   *     for await (const item of client.items("jobs")) await work(item.json());
   *
   * Each is open while the loop's body has it, and confirmed when the loop comes back for the next. Leaving the
   * loop puts back the item in hand, unless you have confirmed it. The loop ends when there was nothing for
   * `wait` milliseconds; by default it waits for ever. It throws what get() rejects with.
   */
  items(queue: string, options: GetOptions = {}): AsyncGenerator<OpenItem, void, undefined> {
    const isEndless = options.wait === undefined;
    this.#checkOpen();
    const asked = this.#parts.requests.read(queue, { ...options, wait: options.wait ?? WAIT_MS });
    return this.#parts.consumption.items(
      queue,
      isEndless ? { ...asked, partial: "empty" } : asked,
      isEndless,
    );
  }

  /** The calls for one queue whose items are values that the codec understands. */
  queue<T>(name: string, codec: Codec<T>): TypedQueue<T> {
    this.#parts.names.forNodes(name);
    return new TypedQueue(this, name, codec);
  }

  /**
   * Deletes the queue, items and all, on every node. Resolves with what each node said; after an abort, `aborted` for
   * those that were not asked yet, and `unknown` for those that have not answered.
   */
  async delete(queue: string, { signal }: CallOptions = {}): Promise<NodeResult[]> {
    const name = this.#parts.names.forNodes(queue);
    return askEveryNode(await this.#nodesKnown(signal), (node) => node.deleteQueue(name, signal), done);
  }

  /** Removes all items of the queue on every node; open ones stay open. Resolves as delete() does. */
  async flush(queue: string, { signal }: CallOptions = {}): Promise<NodeResult[]> {
    const name = this.#parts.names.forNodes(queue);
    return askEveryNode(await this.#nodesKnown(signal), (node) => node.flushQueue(name, signal), done);
  }

  /** The statistics of every node, by their names in the memcache protocol. */
  async stats({ signal }: CallOptions = {}): Promise<NodeStats[]> {
    return askEveryNode(
      await this.#nodesKnown(signal),
      (node) => node.stats(signal),
      (node, stats) => ({ node, ok: true as const, stats }),
    );
  }

  /** Asks every node for a sign of life, and says how it is. */
  async health({ signal }: CallOptions = {}): Promise<ClusterHealth> {
    return checkHealth(await this.#nodesKnown(signal), signal);
  }

  /** What was counted of the requests to each node, for metrics. See also ClusterOptions.observe. */
  metrics(): NodeMetrics[] {
    return this.#parts.members.cluster.nodes.map(({ id, operations }) => ({
      node: id,
      operations: operations.counts,
    }));
  }

  /**
   * Resolves when the names in DNS and ZooKeeper among the servers were looked up for the first time, well or not,
   * after `timeoutMs` at the latest; at once when there are none. Only nodes() and nodeFor() need it: other calls wait.
   * Rejects with `aborted` or `closed`.
   */
  async discovered({ signal }: CallOptions = {}): Promise<void> {
    await this.#nodesKnown(signal);
  }

  /** The nodes, and how they were when last heard of. */
  nodes(): NodeInfo[] {
    return this.#parts.members.infos();
  }

  /**
   * The id of the node where the hash strategy keeps this queue while all nodes are up, whatever the strategy; a
   * fanout's is that of its parent. Undefined as long as no node is known, which is only so with names in DNS and
   * ZooKeeper.
   */
  nodeFor(queue: string): string | undefined {
    return this.#parts.members.cluster.homeOf(this.#parts.names.forNodes(queue));
  }

  /**
   * Lets a node in; from now on it gets its share. Under hash, and with keys, it takes over its part of the names;
   * what is left at their former homes is read there until it is empty. Gives the node's id. Throws `bad-request`
   * if there is one with that id.
   */
  addNode(server: ServerSpec): string {
    this.#checkOpen();
    return this.#parts.members.add(server);
  }

  /**
   * Lets a node go: nothing more is put there; queues that are read through this client are read there until they
   * are empty; items open there may be confirmed. Resolves when that is done, at the latest after `deadline` (a
   * moment, or milliseconds from now; default 30 s), when items still open go back. `isEmpty`: nothing of those
   * queues is left there. Rejects with `bad-request` if there is no such node, or no other one.
   */
  async removeNode(id: string, options: { deadline?: Date | number } = {}): Promise<{ isEmpty: boolean }> {
    this.#checkOpen();
    const { deadline = REMOVE_MS } = options;
    const ms = deadline instanceof Date ? deadline.getTime() - Date.now() : deadline;
    return { isEmpty: await this.#parts.members.remove(id, ms) };
  }

  /**
   * Ends the client. Consumers stop, and their open items go back; to let handlers finish, stop() them first. Calls
   * that wait for items are rejected with `closed` at once; puts and confirms that were sent are given their
   * time for an answer; then all connections end, and with them every open item goes back to its queue, and reads
   * that have had no answer are rejected with `closed`, too.
   * Calling it again gives the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#parts.close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** At once where all nodes are known: so puts are sent in the order of the calls. */
  #put(request: PutRequest): Promise<PutOutcome> {
    const known = this.#parts.members.known(request.signal);
    return known === undefined
      ? this.#parts.puts.put(request)
      : known.then(() => this.#parts.puts.put(request));
  }

  async #readRequest(queue: string, options: GetOptions): Promise<ReadRequest> {
    this.#checkOpen();
    const request = this.#parts.requests.read(queue, options);
    await this.#parts.members.known(options.signal);
    return request;
  }

  async #nodesKnown(signal: AbortSignal | undefined): Promise<readonly ClusterNode[]> {
    this.#checkOpen();
    await this.#parts.members.known(signal);
    return this.#parts.members.cluster.nodes;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new KestrelClientError("closed", "the client is closed");
  }
}

function done(node: string): { readonly node: string; readonly ok: true } {
  return { node, ok: true };
}

function clientError(error: unknown): KestrelClientError {
  if (error instanceof KestrelClientError) return error;
  throw error;
}
