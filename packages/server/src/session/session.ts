/**
 * One client of the queues, whatever its protocol: carries out its requests one after the other, knows its open
 * reads and what it waits for. When it ends, the wait is withdrawn and the open reads go back to the head, in
 * their old order. It knows no bytes of any protocol and no socket.
 */
import type { Clock } from "../clock.ts";
import { KestrelError } from "../errors.ts";
import type { ItemView } from "../journal/item-view.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Turn } from "../journal/turn.ts";
import type { Identity } from "../locks/identity.ts";
import type { Locks } from "../locks/locks.ts";
import type { Began, Timings } from "../metrics/timings.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueCollection } from "../queue/queue-collection.ts";
import { type Receiver, Waiter } from "../queue/waiter-list.ts";
import type { Counters } from "../stats/counters.ts";
import { Bulk } from "./bulk.ts";
import { requireReads, requireWrites, type ServerControls } from "./controls.ts";
import type { GatheredMemory } from "./gathered-memory.ts";
import type { LentReads } from "./lent-reads.ts";
import { manage } from "./management.ts";
import { Monitor, type MonitorOwner } from "./monitor.ts";
import { OpenReads } from "./open-reads.ts";
import { Pass } from "./pass.ts";
import type {
  AuthenticateRequest,
  BulkRequest,
  ConfirmRequest,
  GetRequest,
  ItemReply,
  MonitorRequest,
  PutRequest,
  Reply,
  Request,
  StoredReply,
} from "./request.ts";

/** What all sessions of a server share. */
export interface SessionHost {
  readonly queues: QueueCollection;
  readonly turn: Turn;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly timings: Timings;
  readonly controls: ServerControls;
  readonly lentReads: LentReads;
  readonly gatheredMemory: GatheredMemory;
  readonly locks: Locks;
  /** Open reads of one session on one queue. */
  readonly maxOpenTransactions: number;
}

/** The other end of a session: the connection. */
export interface SessionClient {
  /** Where it is; who guesses passwords is counted under it. */
  readonly address: string;
  /** False: it can take no more for now. A monitor then pauses until `resume`. */
  readonly isReady: boolean;
  /** True: it asks for nothing more, and may be gone already. */
  readonly isLeaving?: boolean;
  /**
   * The answer to the request at hand: during `execute`, or later while the session `isWaiting`. One for each
   * request; a monitor has one for each item and one for its end.
   */
  reply(reply: Reply): void;
  /** Nothing said from now on may leave before the receipt is settled: reads were confirmed under it. */
  holdFor(receipt: Receipt): void;
}

const nothing: Reply = { kind: "nothing" };
const done: Reply = { kind: "done" };
// Used again for every answer of every session: a reply is read before the next one is made.
const stored: StoredReply = { kind: "stored", receipt: undefined as unknown as Receipt, id: 0 };
const found: ItemReply = { kind: "item", item: undefined as unknown as ItemView, openedIn: null };

export class Session implements Receiver, MonitorOwner {
  readonly #host: SessionHost;
  readonly #client: SessionClient;
  readonly #openReads: OpenReads = new OpenReads();
  /** The get that waits for its item. */
  #waitingFor: GetRequest | null = null;
  #waitingAt: Queue | null = null;
  #waiter: Waiter | null = null;
  #waitBegan: Began = 0;
  /** Reloading, or checking a password. */
  #isBusy = false;
  /** At work. */
  #monitor: Monitor | null = null;
  /** Made with the first request of its kind. */
  #bulk: Bulk | null = null;
  #isEnded = false;
  readonly #pass: Pass;

  /** `identity`: who it is, where that is known already. */
  constructor(host: SessionHost, client: SessionClient, identity: Identity = host.locks.nobody) {
    this.#host = host;
    this.#client = client;
    this.#pass = new Pass(host, identity);
  }

  /** It may do nothing but say who it is. */
  get isBarred(): boolean {
    return this.#pass.isBarred;
  }

  /** The request at hand is not answered yet: the next one has to wait. */
  get isWaiting(): boolean {
    if (this.#waitingFor !== null || this.#monitor !== null || this.#isBusy) return true;
    return this.#bulk?.isWaiting === true;
  }

  /** It waits for other clients, who may put something or make room by reading, and not just for the disk. */
  get isPatient(): boolean {
    if (this.#monitor !== null || this.#bulk?.isPatient) return true;
    return this.#waitingFor !== null && (this.#waitingFor.waitMs > 0 || this.#waitingAt!.isHeldUp);
  }

  /** Carries out one request. Not to be called while `isWaiting`, nor after `end`. */
  execute(request: Request): void {
    try {
      this.#pass.require(request);
      if (request.kind === "put") this.#put(request);
      else if (request.kind === "get") this.#get(request);
      else if (request.kind === "monitor") this.#beginMonitor(request);
      else if (request.kind === "confirm") this.#confirm(request);
      else if (request.kind === "reload") this.#reload();
      else if (request.kind === "authenticate") this.#authenticate(request);
      else if (isBulk(request))
        (this.#bulk ??= new Bulk(this.#host, this.#client, this.#pass)).execute(request);
      else this.#client.reply(manage(request, this.#host));
    } catch (error) {
      if (!(error instanceof KestrelError)) throw error;
      this.#client.reply({ kind: "error", error });
    }
  }

  /** A monitor goes on after a pause. */
  resume(): void {
    this.#monitor?.resume();
  }

  /** Ends the wait as if its time were over. */
  stopWaiting(): void {
    this.#bulk?.stopWaiting();
    this.#monitor?.stop();
    if (this.#waitingFor === null) return;
    this.#waiter?.withdraw();
    this.miss();
  }

  /** An open read that was never there: its receipt failed. */
  forget(queue: Queue, id: number): void {
    this.#openReads.forget(queue, id);
  }

  /** The client is gone. */
  end(): void {
    this.#isEnded = true;
    this.#waiter?.withdraw();
    this.#stopWaitingFor();
    this.#monitor?.end();
    this.#monitor = null;
    this.#bulk?.end();
    this.#openReads.abortAll();
  }

  lapse(queue: Queue, id: number): void {
    this.#openReads.forget(queue, id);
  }

  receive(item: ItemView): void {
    const request = this.#waitingFor!;
    const queue = this.#waitingAt!;
    const began = this.#waitBegan;
    const { timings, clock } = this.#host;
    this.#stopWaitingFor();
    // It had to be read from the file first; any other wait is the client's own wish.
    if (began !== 0 && request.waitMs === 0) timings.endDelivery(queue, item, began, clock.now());
    else if (began !== 0) timings.noteDelivery(queue, item.addTimeMs, clock.now());
    this.#handOver(item, queue, request.isOpen);
  }

  get takesMiss(): boolean {
    return this.#client.isLeaving === true;
  }

  miss(): void {
    this.#stopWaitingFor();
    this.#host.counters.getMisses++;
    this.#client.reply(nothing);
  }

  #put(request: PutRequest): void {
    const { queues, counters, controls } = this.#host;
    requireWrites(controls);
    counters.cmdSet++;
    const { timings } = this.#host;
    const { queue, source, start, end, flags, expiryMs } = request;
    const began = timings.beginPut();
    const result = queues.put(queue, source, start, end, flags, expiryMs);
    if (typeof result === "string") {
      this.#client.reply({ kind: "refused", why: result });
    } else {
      if (began !== 0) timings.endPut(queue, result, began);
      stored.receipt = result;
      stored.id = queues.lastPutId;
      this.#client.reply(stored);
    }
  }

  #get(request: GetRequest): void {
    const { queue: name, isOpen, isClose, isAbort, isPeek, waitMs } = request;
    if (((isPeek || isAbort) && (isOpen || isClose)) || (isPeek && isAbort)) {
      throw new KestrelError("bad-request", "these options of a get exclude each other");
    }
    if (isAbort) this.#abortOldest(name);
    if (isClose) this.#confirmOldest(name, 1);
    if (isAbort || (isClose && !isOpen)) {
      this.#client.reply(nothing);
      return;
    }
    if (!isPeek && !isOpen) this.#refuseWhileOpen(name);
    requireReads(this.#host.controls);
    const { queues, counters, clock, timings, maxOpenTransactions } = this.#host;
    const queue = queues.obtain(name);
    if (!isPeek) this.#openReads.requireRoom(queue, isOpen, maxOpenTransactions);
    if (isPeek) counters.cmdPeek++;
    else counters.cmdGet++;
    const began = isPeek ? 0 : timings.beginGet();

    const mode = isPeek ? "peek" : isOpen ? "open" : "take";
    const result = queue.get(mode, waitMs > 0 ? clock.now() + waitMs : 0, this);
    if (result === null) {
      if (began !== 0) timings.endMiss(queue, began);
      counters.getMisses++;
      this.#client.reply(nothing);
    } else if (result instanceof Waiter) {
      this.#waitingFor = request;
      this.#waitingAt = queue;
      this.#waiter = result;
      this.#waitBegan = began;
    } else {
      if (began !== 0) timings.endDelivery(queue, result, began, clock.now());
      this.#handOver(result, queue, isOpen);
    }
  }

  /** A plain get with a read open is wrong in any status, and as in Kestrel that is said before anything about it. */
  #refuseWhileOpen(name: string): void {
    const { controls, queues, maxOpenTransactions } = this.#host;
    const queue = controls.takesReads ? undefined : queues.find(name);
    if (queue !== undefined) this.#openReads.requireRoom(queue, false, maxOpenTransactions);
  }

  #handOver(item: ItemView, queue: Queue, isOpen: boolean): void {
    this.#host.counters.getHits++;
    if (isOpen) this.#openReads.add(queue, item.id);
    found.item = item;
    found.openedIn = isOpen ? queue : null;
    this.#client.reply(found);
  }

  #beginMonitor(request: MonitorRequest): void {
    requireReads(this.#host.controls);
    this.#monitor = new Monitor(this.#host, this.#pass, this, request);
    this.#monitor.resume();
  }

  // For its monitor

  get isReady(): boolean {
    return this.#client.isReady;
  }

  openLengthOf(queue: Queue): number {
    return this.#openReads.countOf(queue);
  }

  give(item: ItemView, queue: Queue): void {
    this.#handOver(item, queue, true);
  }

  monitorOver(): void {
    this.#monitor = null;
    this.#client.reply(nothing);
  }

  // Open reads

  #confirm({ queue: name, length: lengthMax, isExact }: ConfirmRequest): void {
    const queue = this.#host.queues.find(name);
    const openLength = queue === undefined ? 0 : this.openLengthOf(queue);
    const isShort = isExact === true && openLength < lengthMax;
    const length = isShort ? 0 : this.#confirmOldest(name, lengthMax);
    this.#client.reply({ kind: "confirmed", length });
  }

  #confirmOldest(name: string, lengthMax: number): number {
    const queue = this.#host.queues.find(name);
    return queue === undefined ? 0 : this.#openReads.confirmOldest(queue, lengthMax, this.#client);
  }

  #abortOldest(name: string): void {
    const queue = this.#host.queues.find(name);
    if (queue !== undefined) this.#openReads.abortOldest(queue);
  }

  // What takes some time

  #reload(): void {
    this.#isBusy = true;
    this.#host.controls.reload().then(
      () => this.#answer(done),
      (error: Error) => this.#answer({ kind: "failed", message: error.message }),
    );
  }

  #authenticate(request: AuthenticateRequest): void {
    this.#isBusy = true;
    this.#pass.show(request, this.#client.address).then((isRight) => {
      const error = new KestrelError("unauthenticated", "authentication failure");
      this.#answer(isRight ? done : { kind: "error", error });
    });
  }

  /** What took some time is over. */
  #answer(reply: Reply): void {
    this.#isBusy = false;
    if (!this.#isEnded) this.#client.reply(reply);
  }

  #stopWaitingFor(): void {
    this.#waitingFor = null;
    this.#waitingAt = null;
    this.#waiter = null;
  }
}

function isBulk(request: Request): request is BulkRequest {
  const { kind } = request;
  return kind === "put-many" || kind === "gather" || kind === "inspect" || kind.endsWith("-lent");
}
