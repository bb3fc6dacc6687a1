// Waiting for items of one queue on several nodes at once. All callers that wait for the queue share one set
// of polls (open reads that wait at a node), so an item goes to the caller who has waited longest, on
// whichever node it arrives.
//
// Promises: an item that two nodes hand out at the same moment is given to the next caller or put back in its
// place, never dropped; no more polls wait at a node than there are callers; each caller is settled exactly
// once; a node that answers badly, or too soon, is not asked again in a hot loop.

import { TransportError } from "../transport/transport-error.ts";
import { type Caller, CallerLine } from "./caller-line.ts";
import { Desk, LINGER_MS, type Poll } from "./desk.ts";
import type { ClusterNode } from "./node.ts";
import type { ReadCursor } from "./read-cursor.ts";
import type { FoundRead, ReadOutcome, UnaskedNode } from "./read-outcome.ts";

export interface WaitingRoomOptions {
  readonly queue: string;
  /** The nodes to ask, fit or not. */
  places(): readonly ClusterNode[];
  /** Whether to wait at this node, or only to take what is there. */
  waitsAt(node: ClusterNode): boolean;
  /** Nothing is there. */
  missed(node: ClusterNode): void;
  /** Every node has locked us out, and somebody waits all the same. */
  lockedOut(unasked: readonly UnaskedNode[]): void;
  /** The room is empty and nothing is under way in it: it may be forgotten. */
  onEmpty(): void;
}

export interface TakeOptions {
  /** Waits on although every node has locked us out: one may let us in meanwhile. */
  readonly isPatient?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A node is asked again after this, so that one which fell silent is noticed even during a long wait. */
const POLL_MS_MAX = 10_000;
const POLLS_PER_NODE_MAX = 8;
/** How long the answer of a poll whose time is over may take to get here. */
const ENDING_MS = 250;

export class WaitingRoom {
  readonly #options: WaitingRoomOptions;
  readonly #line: CallerLine = new CallerLine({
    onOverdue: (caller) => this.#expire(caller),
    onLeft: () => this.#tidyLater(),
  });
  readonly #desks = new Map<ClusterNode, Desk>();
  readonly #held: FoundRead[] = [];
  #lingerTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: WaitingRoomOptions) {
    this.#options = options;
  }

  /**
   * Waits for an item until the deadline (of performance.now()), or until the signal or close() end it, or, unless
   * that is to be borne, every node has locked us out. With a deadline that has passed, each node is asked once. The
   * cursor says with which one to begin.
   */
  take(cursor: ReadCursor, deadline: number, options: TakeOptions = {}): Promise<ReadOutcome> {
    const { isPatient = false, signal } = options;
    return new Promise((resolve, reject) => {
      const caller = this.#line.join({ deadline, isPatient, signal }, { resolve, reject });
      void this.#askInTurn(caller, cursor);
    });
  }

  /** Takes back an item that was found for somebody who doesn't want it any more, for the next one who does. */
  giveBack(found: FoundRead): void {
    this.#arrive(found);
  }

  /** To be called when a node came, went, or became fit again. */
  rearrange(): void {
    if (this.#isClosed) return;
    for (const node of this.#options.places()) {
      if (!node.isFit("reads")) continue;
      const desk = this.#deskOf(node);
      while (desk.polls.size < this.#wantedPolls(desk)) void this.#poll(desk);
    }
    this.#tidyLater();
  }

  /** Turns all callers away and puts back what is held. */
  close(error: TransportError): void {
    this.#isClosed = true;
    clearTimeout(this.#lingerTimer);
    this.#line.dissolve(error);
    for (const desk of this.#desks.values()) desk.close();
    for (const { read } of this.#held.splice(0)) void read.abort();
  }

  /**
   * Asks one node after the other, so that of a backlog one item is taken. Those polled already need no asking
   * by somebody who has time. With no node fit, those that have locked us out are: they may let us in by now.
   */
  async #askInTurn(caller: Caller, cursor: ReadCursor): Promise<void> {
    const isInHurry = caller.deadline <= performance.now();
    const order = cursor.order(this.#options.places());
    const isAnyFit = order.some((node) => node.isFit("reads"));
    for (const node of order) {
      const desk = this.#deskOf(node);
      if (this.#takeHeld(caller)) return;
      const isWorthAsking = isAnyFit ? node.isFit("reads") : node.lastError?.isLockedOut === true;
      if (!isWorthAsking || (desk.polls.size > 0 && !isInHurry)) continue;
      await this.#ask(desk, 0, caller.abort.signal, caller);
    }
    if (this.#takeHeld(caller)) return;
    caller.isPolling = true;
    this.#turnAwayLockedOut();
    this.rearrange();
    if (this.#line.isOverdue(caller)) this.#expire(caller);
  }

  /** True: the caller has been served or has left. */
  #takeHeld(caller: Caller): boolean {
    if (!this.#line.has(caller)) return true;
    const held = this.#held.shift();
    if (held !== undefined) this.#line.serve(caller, held);
    return held !== undefined;
  }

  /**
   * One open read at one node; true if it brought an item, which is then the asker's, or on its way to somebody
   * who relies on the polls.
   */
  async #ask(desk: Desk, waitMs: number, signal: AbortSignal, asker?: Caller): Promise<boolean> {
    const { node } = desk;
    try {
      if (desk.returning.size > 0) await Promise.all(desk.returning);
      const read = await node.openRead(this.#options.queue, waitMs, signal);
      desk.hasAnswered = true;
      desk.error = undefined;
      if (read === null) {
        this.#options.missed(node);
        return false;
      }
      this.#arrive({ queue: this.#options.queue, node, read }, asker);
      return true;
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (error.kind === "aborted" || error.kind === "closed") return false;
      desk.hasAnswered = false;
      desk.error = error;
      if (error.kind === "invalid") {
        for (const caller of this.#line.all()) this.#line.turnAway(caller, error);
      }
      return false;
    }
  }

  async #poll(desk: Desk): Promise<void> {
    const startedAt = performance.now();
    // A node that has said nothing yet is first asked without waiting: is it there at all?
    const isWaiting = desk.hasAnswered && this.#options.waitsAt(desk.node);
    const waitMs = isWaiting ? this.#line.longestMs(startedAt, POLL_MS_MAX) : 0;
    const poll: Poll = { abort: new AbortController(), endsAt: startedAt + waitMs };
    desk.polls.add(poll);
    const isFound = await this.#ask(desk, waitMs, poll.abort.signal);
    desk.polls.delete(poll);
    if (this.#isClosed) return;
    const isTooSoon = waitMs > 0 && performance.now() - startedAt < waitMs / 2;
    if (isFound || (desk.hasAnswered && !isTooSoon)) desk.backoff.reset();
    else if (!poll.abort.signal.aborted) desk.hold(() => this.rearrange());
    for (const caller of this.#line.allOverdue()) this.#expire(caller);
    this.#turnAwayLockedOut();
    this.rearrange();
  }

  /** When the last word of every node is that it doesn't let us in, nothing will come, however long one waits. */
  #turnAwayLockedOut(): void {
    const unasked: UnaskedNode[] = [];
    for (const node of this.#options.places()) {
      const desk = this.#deskOf(node);
      const error = desk.error ?? node.lastError;
      if (desk.polls.size > 0 || error?.isLockedOut !== true) return;
      unasked.push({ node, error });
    }
    if (unasked.length === 0) return;
    for (const caller of this.#line.all()) {
      if (caller.isPatient) this.#options.lockedOut(unasked);
      else if (caller.isPolling) this.#line.tellNothing(caller, unasked);
    }
  }

  /** Those who still ask for themselves get what they find; giving them more would be one item too many. */
  #arrive(found: FoundRead, asker?: Caller): void {
    if (this.#isClosed) {
      void found.read.abort();
      return;
    }
    const isAsking = asker !== undefined && this.#line.has(asker);
    const caller = isAsking ? asker : this.#line.findPolling();
    if (caller !== undefined) this.#line.serve(caller, found);
    else this.#held.push(found);
    this.#tidyLater();
  }

  /**
   * The caller's time is over: nothing there. But while some node has yet to give its first answer it isn't
   * known whether anything is there; that answer comes within the transport's time-outs, one way or the other.
   * And polls that end in this moment are let end, since an item may be on its way.
   */
  #expire(caller: Caller): void {
    if (!caller.isPolling) return;
    const unasked: UnaskedNode[] = [];
    for (const node of this.#options.places()) {
      const desk = this.#deskOf(node);
      if (desk.hasAnswered && node.isFit("reads")) continue;
      if (desk.polls.size > 0) return;
      if (node.isFit("reads") && !desk.isHeld && desk.error === undefined) {
        // It has come only just now.
        void this.#poll(desk);
        return;
      }
      unasked.push({ node, error: desk.error ?? node.lastError });
    }
    const graceMs = caller.deadline + ENDING_MS - performance.now();
    if (graceMs > 0 && this.#isPollEnding(caller.deadline)) {
      this.#line.recall(caller, graceMs);
      return;
    }
    this.#line.tellNothing(caller, unasked);
  }

  #isPollEnding(deadline: number): boolean {
    for (const { polls } of this.#desks.values()) {
      for (const { endsAt } of polls) if (endsAt <= deadline + ENDING_MS) return true;
    }
    return false;
  }

  #wantedPolls(desk: Desk): number {
    if (desk.isHeld || !desk.node.isFit("reads")) return 0;
    return this.#line.pollingLength(performance.now(), POLLS_PER_NODE_MAX);
  }

  #tidyLater(): void {
    if (this.#isClosed) return;
    this.#lingerTimer ??= setTimeout(() => this.#tidy(), LINGER_MS);
  }

  /** Puts back what nobody came for, ends polls that have no caller, forgets nodes that have left. */
  #tidy(): void {
    this.#lingerTimer = undefined;
    for (const found of this.#held.splice(0)) this.#putBack(found);
    const order = new Set(this.#options.places());
    for (const desk of this.#desks.values()) {
      desk.trim(order.has(desk.node) ? this.#wantedPolls(desk) : 0);
      if (!order.has(desk.node) && desk.isIdle) this.#desks.delete(desk.node);
    }
    const isIdle = [...this.#desks.values()].every((desk) => desk.isIdle);
    if (this.#line.length === 0 && isIdle) {
      this.#isClosed = true;
      for (const desk of this.#desks.values()) desk.close();
      this.#options.onEmpty();
    }
  }

  /** Nothing more is asked of the node before it is back, lest the item behind it comes first. */
  #putBack({ node, read }: FoundRead): void {
    const { returning } = this.#deskOf(node);
    const returned = read.abort().then(() => {
      returning.delete(returned);
      this.#tidyLater();
    });
    returning.add(returned);
  }

  #deskOf(node: ClusterNode): Desk {
    let desk = this.#desks.get(node);
    if (desk === undefined) {
      desk = new Desk(node);
      this.#desks.set(node, desk);
    }
    return desk;
  }
}
