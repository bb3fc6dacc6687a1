// Finding one item somewhere in the cluster: asking the nodes in turn, or waiting at all of them at once. "Nothing
// there" is said only when every node that may have something said so.

import { clientErrorOf, KestrelClientError } from "../errors.ts";
import { allowManyListeners } from "../signals.ts";
import { TransportError } from "../transport/transport-error.ts";
import type { Departures } from "./departures.ts";
import type { ClusterNode } from "./node.ts";
import { ReadCursors } from "./read-cursor.ts";
import type { FoundRead, ReadOutcome, UnaskedNode } from "./read-outcome.ts";
import type { Strategy } from "./strategy.ts";
import type { Strays } from "./strays.ts";
import { WaitingRoom } from "./waiting-room.ts";

export interface ReadRequest {
  readonly queue: string;
  readonly waitMs: number;
  /** What to do when nothing was found, and a node could not be asked. */
  readonly partial: "error" | "empty";
  readonly signal: AbortSignal | undefined;
  /** Where the reader is; readers that don't say share one place for each queue. */
  readonly cursors?: ReadCursors;
}

export interface Answer<T> {
  readonly node: ClusterNode;
  readonly value: T;
}

export interface ReadsOptions {
  readonly strategy: Strategy;
  readonly departures: Departures;
  /** Only where items have a home that they may stray from. */
  readonly strays: Strays | undefined;
}

/** What a timer can hold. */
const WAIT_MS_MAX = 0x7fff_ffff;
const QUEUES_MAX = 10_000;

export class Reads {
  readonly #strategy: Strategy;
  readonly #departures: Departures;
  readonly #strays: Strays | undefined;
  readonly #cursors = new ReadCursors();
  readonly #rooms = new Map<string, WaitingRoom>();
  /** Queues that were read through this client, the latest last. */
  readonly #queues = new Set<string>();
  #hasWarned = false;
  #isClosed = false;

  constructor(options: ReadsOptions) {
    this.#strategy = options.strategy;
    this.#departures = options.departures;
    this.#strays = options.strays;
  }

  /** The names of queues that were read through this client, as many as it remembers. */
  get queues(): ReadonlySet<string> {
    return this.#queues;
  }

  /** Opens a read of one item; null when there is none. Rejects with KestrelClientError. */
  async open(request: ReadRequest): Promise<FoundRead | null> {
    this.#checkOpen();
    const { queue, waitMs, signal } = request;
    // Where others wait, an item may be on its way to a poll that has no taker any more: it is there, then.
    if (waitMs > 0 || this.#rooms.has(queue)) {
      const deadline = performance.now() + Math.min(waitMs, WAIT_MS_MAX);
      const outcome = await this.#wait(request, deadline);
      if (outcome.found === null) return this.#nothing(request, outcome.unasked);
      this.found(queue, outcome.found.node, request.cursors);
      return outcome.found;
    }
    const answer = await this.ask(request, (node) => node.openRead(queue, 0, signal));
    return answer === null ? null : { queue, node: answer.node, read: answer.value };
  }

  /**
   * Opens reads of up to so many items that are there, on the first node that has some; fewer means nothing. Outcomes
   * and rejections are those of open().
   */
  async openMany(request: ReadRequest, lengthMax: number): Promise<FoundRead[]> {
    const { queue, signal } = request;
    if (request.waitMs > 0 || this.#rooms.has(queue)) {
      const found = await this.open(request);
      return found === null ? [] : [found];
    }
    const answer = await this.ask(request, async (node) => {
      if (node.opensMany) return node.openMany(queue, lengthMax, signal);
      const read = await node.openRead(queue, 0, signal);
      return read === null ? null : [read];
    });
    return answer === null ? [] : answer.value.map((read) => ({ queue, node: answer.node, read }));
  }

  /**
   * Opens a read of one item of any of these queues, those named first preferred. Outcomes and rejections are
   * those of open().
   */
  async openAny(queues: readonly string[], request: Omit<ReadRequest, "queue">): Promise<FoundRead | null> {
    if (queues.length === 1) return this.open({ ...request, queue: queues[0]! });
    for (const queue of queues) {
      const found = await this.open({ ...request, queue, waitMs: 0 });
      if (found !== null) return found;
    }
    return this.#waitForAny(queues, request);
  }

  /** An item of the queue was taken from a node, and the reader's place is now there. */
  found(queue: string, node: ClusterNode, cursors: ReadCursors = this.#cursors): void {
    cursors.of(queue).found(node, this.#places(queue));
  }

  /** Takes back an item that nobody wants any more: it goes to the next who does, or to its old place. */
  giveBack(found: FoundRead): void {
    if (this.#isClosed) void found.read.abort();
    else this.#roomOf(found.queue).giveBack(found);
  }

  /** Asks one node after the other until one has something to say; null when none has. */
  async ask<T>(
    request: ReadRequest,
    question: (node: ClusterNode) => Promise<T | null>,
  ): Promise<Answer<T> | null> {
    this.#checkOpen();
    const { queue } = request;
    this.#remember(queue);
    const unasked: UnaskedNode[] = [];
    const { cursors = this.#cursors } = request;
    const order = cursors.of(queue).order(this.#places(queue));
    const answer = await this.#askInTurn(queue, order, question, unasked);
    if (answer !== null) {
      this.found(queue, answer.node, cursors);
      return answer;
    }
    if (await this.#strays?.lookIfDue(queue)) {
      const places = [...this.#strays!.placesOf(queue)];
      const stray = await this.#askInTurn(queue, places, question, []);
      if (stray !== null) return stray;
    }
    return this.#nothing(request, unasked);
  }

  /** To be called when a node came, went, or became fit again. */
  rearrange(): void {
    for (const room of [...this.#rooms.values()]) room.rearrange();
  }

  /** To be called when there are items of this queue where it was not looked for before. */
  rearrangeFor(queue: string): void {
    this.#rooms.get(queue)?.rearrange();
  }

  /** Turns away everybody who waits. */
  close(): void {
    this.#isClosed = true;
    const error = new TransportError("closed", "the client was closed");
    for (const room of this.#rooms.values()) room.close(error);
    this.#rooms.clear();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new KestrelClientError("closed", "the client was closed");
  }

  async #wait(request: ReadRequest, deadline: number): Promise<ReadOutcome> {
    const { queue, signal, cursors = this.#cursors } = request;
    if (signal?.aborted) throw new KestrelClientError("aborted", "aborted before waiting");
    this.#remember(queue);
    try {
      const isPatient = request.partial === "empty";
      return await this.#roomOf(queue).take(cursors.of(queue), deadline, { isPatient, signal });
    } catch (error) {
      throw error instanceof TransportError ? readError(error) : error;
    }
  }

  async #waitForAny(
    queues: readonly string[],
    request: Omit<ReadRequest, "queue">,
  ): Promise<FoundRead | null> {
    const { signal } = request;
    const ending = new AbortController();
    allowManyListeners(ending.signal);
    const end = (): void => ending.abort();
    let winner: FoundRead | undefined;
    let failure: unknown;
    const waits = queues.map(async (queue) => {
      try {
        const found = await this.open({ ...request, queue, signal: ending.signal });
        if (found === null) return;
        if (winner === undefined) winner = found;
        else this.giveBack(found);
      } catch (error) {
        if (!ending.signal.aborted) failure = error;
      }
      end();
    });
    signal?.addEventListener("abort", end, { once: true });
    await Promise.all(waits);
    signal?.removeEventListener("abort", end);
    if (winner !== undefined) return winner;
    if (failure !== undefined) throw failure;
    if (signal?.aborted) throw new KestrelClientError("aborted", "aborted while waiting");
    return null;
  }

  #places(queue: string): ClusterNode[] {
    const places = this.#strategy.readPlaces(queue);
    const leaving = this.#departures.placesOf(queue);
    return leaving.length === 0 ? places : [...places, ...leaving];
  }

  /** Whether the node is only there to be read empty. */
  #isPassing(queue: string, node: ClusterNode): boolean {
    return (
      this.#strays?.placesOf(queue).has(node) === true || this.#departures.placesOf(queue).includes(node)
    );
  }

  /** Null, if that is certain or the caller doesn't mind. */
  #nothing(request: ReadRequest, unasked: readonly UnaskedNode[]): null {
    if (request.partial === "empty") return null;
    if (unasked.length > 0) throw unaskedError(unasked);
    if (this.#places(request.queue).length > 0) return null;
    throw new KestrelClientError("node-down", "nothing found, since no nodes are known yet");
  }

  /** Consumers have nobody to tell that they wait in vain; once is enough. */
  #warn(queue: string, unasked: readonly UnaskedNode[]): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    process.emitWarning(`queue "${queue}": ${unaskedError(unasked).message}`, {
      type: "KestrelClientWarning",
    });
  }

  #missed(queue: string, node: ClusterNode): void {
    this.#strays?.emptied(queue, node);
    this.#departures.emptied(queue, node);
  }

  #remember(queue: string): void {
    if (this.#queues.has(queue)) return;
    this.#queues.add(queue);
    if (this.#queues.size <= QUEUES_MAX) return;
    for (const oldest of this.#queues) {
      this.#queues.delete(oldest);
      return;
    }
  }

  #roomOf(queue: string): WaitingRoom {
    const known = this.#rooms.get(queue);
    if (known !== undefined) return known;
    const leave = this.#strays?.attend(queue);
    const room = new WaitingRoom({
      queue,
      places: () => this.#places(queue),
      waitsAt: (node) => !this.#isPassing(queue, node),
      missed: (node) => this.#missed(queue, node),
      lockedOut: (unasked) => this.#warn(queue, unasked),
      onEmpty: () => {
        this.#rooms.delete(queue);
        leave?.();
      },
    });
    this.#rooms.set(queue, room);
    return room;
  }

  async #askInTurn<T>(
    queue: string,
    order: readonly ClusterNode[],
    question: (node: ClusterNode) => Promise<T | null>,
    unasked: UnaskedNode[],
  ): Promise<Answer<T> | null> {
    const isAnyFit = order.some((node) => node.isFit("reads"));
    for (const node of order) {
      // With no node known to be up, each is tried: it may be back. Otherwise one that is down costs nothing.
      if (isAnyFit && !node.isFit("reads")) {
        unasked.push({ node, error: node.lastError });
        continue;
      }
      try {
        const value = await question(node);
        if (value !== null) return { node, value };
        this.#missed(queue, node);
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        // It has gone wrong because all connections are ended.
        this.#checkOpen();
        if (["given-up", "aborted", "closed", "invalid"].includes(error.kind)) throw readError(error, node);
        unasked.push({ node, error });
      }
    }
    return null;
  }
}

function unaskedError(unasked: readonly UnaskedNode[]): KestrelClientError {
  const down = unasked.map(({ node }) => node.id);
  const reasons = unasked.map(({ node, error }) => `${node.id}: ${error?.message ?? "no answer yet"}`);
  const message = `nothing found, but some nodes could not be asked: ${reasons.join("; ")}`;
  return new KestrelClientError(codeFor(unasked), message, { down, cause: unasked[0]!.error });
}

function codeFor(unasked: readonly UnaskedNode[]): "node-down" | "unauthorized" | "busy" {
  if (unasked.some(({ error }) => error?.isLockedOut)) return "unauthorized";
  return unasked.some(({ error }) => error?.kind === "busy") ? "busy" : "node-down";
}

/** Nothing is lost by giving up a read, so there is no "unknown" about it. */
function readError(error: TransportError, node?: ClusterNode): KestrelClientError {
  if (error.kind === "given-up") return new KestrelClientError("aborted", "aborted", { cause: error });
  if (node === undefined) {
    const code = error.kind === "closed" ? "closed" : error.kind === "aborted" ? "aborted" : "bad-request";
    return new KestrelClientError(code, error.message, { cause: error });
  }
  return clientErrorOf(error, node.id);
}
