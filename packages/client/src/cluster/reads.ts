// Finding one item somewhere in the cluster: asking the nodes in turn, or waiting at all of them at once. "Nothing
// there" is said only when every node that may have something said so.

import { clientErrorOf, KestrelClientError } from "../errors.ts";
import type { NodeTransport } from "../transport/transport.ts";
import { TransportError } from "../transport/transport-error.ts";
import type { ClusterNode } from "./node.ts";
import type { Strategy } from "./strategy.ts";
import { type FoundRead, type ReadOutcome, type UnaskedNode, WaitingRoom } from "./waiting-room.ts";

export interface ReadRequest {
  readonly queue: string;
  readonly waitMs: number;
  /** What to do when nothing was found, and a node could not be asked. */
  readonly partial: "error" | "empty";
  readonly signal: AbortSignal | undefined;
}

export interface Answer<T> {
  readonly node: ClusterNode;
  readonly value: T;
}

/** What a timer can hold. */
const WAIT_MS_MAX = 0x7fff_ffff;

export class Reads {
  readonly #strategy: Strategy;
  readonly #rooms = new Map<string, WaitingRoom>();

  constructor(strategy: Strategy) {
    this.#strategy = strategy;
  }

  /** Opens a read of one item; null when there is none. Rejects with KestrelClientError. */
  async open(request: ReadRequest): Promise<FoundRead | null> {
    const { queue, waitMs, signal } = request;
    // Where others wait, an item may be on its way to a poll that has no taker any more: it is there, then.
    if (waitMs > 0 || this.#rooms.has(queue)) {
      const deadline = performance.now() + Math.min(waitMs, WAIT_MS_MAX);
      const outcome = await this.#wait(queue, deadline, signal);
      return outcome.found ?? nothing(request, outcome.unasked);
    }
    const answer = await this.#askInTurn(request, (transport) => transport.openRead(queue, 0, signal));
    return answer === null ? null : { node: answer.node, read: answer.value };
  }

  /** Asks one node after the other until one has something to say; null when none has. */
  ask<T>(
    request: ReadRequest,
    question: (transport: NodeTransport) => Promise<T | null>,
  ): Promise<Answer<T> | null> {
    return this.#askInTurn(request, question);
  }

  /** To be called when a node came, went, or became fit again. */
  rearrange(): void {
    for (const room of [...this.#rooms.values()]) room.rearrange();
  }

  /** Turns away everybody who waits. */
  close(): void {
    const error = new TransportError("closed", "the client was closed");
    for (const room of this.#rooms.values()) room.close(error);
    this.#rooms.clear();
  }

  async #wait(queue: string, deadline: number, signal: AbortSignal | undefined): Promise<ReadOutcome> {
    if (signal?.aborted) throw new KestrelClientError("aborted", "aborted before waiting");
    try {
      return await this.#roomOf(queue).take(deadline, signal);
    } catch (error) {
      throw error instanceof TransportError ? readError(error) : error;
    }
  }

  #roomOf(queue: string): WaitingRoom {
    const known = this.#rooms.get(queue);
    if (known !== undefined) return known;
    const room = new WaitingRoom({
      queue,
      readOrder: () => this.#strategy.readOrder(queue),
      found: (node) => this.#strategy.found(queue, node),
      onEmpty: () => this.#rooms.delete(queue),
    });
    this.#rooms.set(queue, room);
    return room;
  }

  async #askInTurn<T>(
    request: ReadRequest,
    question: (transport: NodeTransport) => Promise<T | null>,
  ): Promise<Answer<T> | null> {
    const order = this.#strategy.readOrder(request.queue);
    const isAnyFit = order.some((node) => node.isFit("reads"));
    const unasked: UnaskedNode[] = [];
    for (const node of order) {
      // With no node known to be up, each is tried: it may be back. Otherwise one that is down costs nothing.
      if (isAnyFit && !node.isFit("reads")) {
        unasked.push({ node, error: node.lastError });
        continue;
      }
      try {
        const value = await node.run("reads", question);
        if (value === null) continue;
        this.#strategy.found(request.queue, node);
        return { node, value };
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (["given-up", "aborted", "closed", "invalid"].includes(error.kind)) throw readError(error, node);
        unasked.push({ node, error });
      }
    }
    return nothing(request, unasked);
  }
}

/** Null, if that is certain or the caller doesn't mind. */
function nothing(request: ReadRequest, unasked: readonly UnaskedNode[]): null {
  if (unasked.length === 0 || request.partial === "empty") return null;
  const down = unasked.map(({ node }) => node.id);
  const reasons = unasked.map(({ node, error }) => `${node.id}: ${error?.message ?? "no answer yet"}`);
  const message = `nothing found, but some nodes could not be asked: ${reasons.join("; ")}`;
  throw new KestrelClientError(codeFor(unasked), message, { down, cause: unasked[0]!.error });
}

function codeFor(unasked: readonly UnaskedNode[]): "node-down" | "unauthorized" | "busy" {
  const kinds = new Set(unasked.map(({ error }) => error?.kind));
  if (kinds.has("unauthorized")) return "unauthorized";
  return kinds.has("busy") ? "busy" : "node-down";
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
