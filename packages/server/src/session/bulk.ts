/**
 * The part of a session that deals with several items in one request, and with open reads that are lent by the
 * server instead of belonging to the session.
 */
import { KestrelError } from "../errors.ts";
import { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";
import { requireReads, requireWrites } from "./controls.ts";
import { type GatheredItem, Gathering } from "./gathering.ts";
import { Borrower } from "./lent-reads.ts";
import type { Pass } from "./pass.ts";
import type { BulkRequest, GatherRequest, InspectRequest, LentRequest, PutManyRequest } from "./request.ts";
import type { SessionClient, SessionHost } from "./session.ts";

export class Bulk {
  readonly #host: SessionHost;
  readonly #client: SessionClient;
  readonly #pass: Pass;
  readonly #borrower: Borrower = new Borrower();
  /** Under way: its items are being collected, or their receipts are awaited. */
  #gathering: Gathering | null = null;
  /** The queue whose head it is to be, if that is all. */
  #inspected: string | null = null;

  constructor(host: SessionHost, client: SessionClient, pass: Pass) {
    this.#host = host;
    this.#client = client;
    this.#pass = pass;
  }

  get isWaiting(): boolean {
    return this.#gathering !== null;
  }

  /** It waits for other clients, who may put something or make room by reading, and not just for the disk. */
  get isPatient(): boolean {
    return this.#gathering?.isPatient ?? false;
  }

  /** Throws KestrelError. */
  execute(request: BulkRequest): void {
    if (request.kind === "put-many") this.#put(request);
    else if (request.kind === "gather") this.#gather(request);
    else if (request.kind === "inspect") this.#inspect(request);
    else this.#closeLent(request);
  }

  /** Ends the wait. The client may be gone, so what was collected goes back, and the answer is empty. */
  stopWaiting(): void {
    if (this.#gathering === null) return;
    this.#abandon();
    if (this.#inspected !== null) {
      this.#answerInspected(this.#inspected, undefined);
      return;
    }
    this.#host.counters.getMisses++;
    this.#client.reply({ kind: "gathered", items: [], firstId: 0 });
  }

  /** The client is gone. What is lent stays so until its time is over, but for what ends with the session. */
  end(): void {
    this.#abandon();
    this.#host.lentReads.abortBound(this.#borrower);
  }

  #abandon(): void {
    const gathering = this.#gathering;
    this.#gathering = null;
    gathering?.abandon();
  }

  #put(request: PutManyRequest): void {
    const { queues, counters, controls, timings } = this.#host;
    requireWrites(controls);
    const { queue, source, bounds, flags, expiryMs, stopsAtRefusal } = request;
    const receipts: Receipt[] = [];
    let length = 0;
    for (let i = 0; i < request.length; i++) {
      counters.cmdSet++;
      const began = timings.beginPut();
      let result: ReturnType<typeof queues.put>;
      try {
        result = queues.put(queue, source, bounds[2 * i]!, bounds[2 * i + 1]!, flags, expiryMs);
      } catch (error) {
        if (length === 0 || !(error instanceof KestrelError)) throw error;
        break;
      }
      if (typeof result === "string") {
        if (stopsAtRefusal) break;
        continue;
      }
      length++;
      if (began !== 0) timings.endPut(queue, result, began);
      // A log has one receipt for all that it is given in one turn.
      if (receipts.at(-1) !== result) receipts.push(result);
    }
    const receipt = receipts.length === 0 ? null : Receipt.all(receipts);
    this.#client.reply({ kind: "stored-many", length, receipt });
  }

  #gather(request: GatherRequest): void {
    const { queues, clock, counters, controls, maxOpenTransactions } = this.#host;
    requireReads(controls);
    counters.cmdGet++;
    const queue = queues.obtain(request.queue);
    const openRoom = maxOpenTransactions - this.#borrower.lengthOf(queue);
    const isLent = request.lendMs > 0;
    this.#begin(
      new Gathering(
        this.#host,
        {
          queue,
          mode: isLent ? "open" : "hold",
          // Kestrel's rule: with as many open reads as it may have, a client gets nothing more, in whatever way.
          lengthMax: isLent || openRoom <= 0 ? Math.min(request.lengthMax, openRoom) : request.lengthMax,
          bytesMax: request.bytesMax,
          deadline: request.waitMs > 0 ? clock.now() + request.waitMs : 0,
          mayGoOn: () => this.#pass.mayGet(request.queue),
        },
        (items) => (isLent ? this.#lend(queue, items, request) : this.#finish(queue, items)),
      ),
    );
  }

  #begin(gathering: Gathering, inspected: string | null = null): void {
    this.#gathering = gathering;
    this.#inspected = inspected;
    gathering.resume();
  }

  #lend(queue: Queue, items: readonly GatheredItem[], plan: GatherRequest): null {
    const ids = items.map(({ itemId }) => itemId);
    const { lentReads } = this.#host;
    const firstId = ids.length === 0 ? 0 : lentReads.lend(queue, ids, plan, this.#borrower);
    this.#gathering!.onLapse = (itemId) => {
      const index = ids.indexOf(itemId);
      if (index >= 0) lentReads.forget(firstId + index);
    };
    this.#answer(items, firstId);
    return null;
  }

  /** They were held until all were together; now they are gone for good. */
  #finish(queue: Queue, items: readonly GatheredItem[]): Receipt | null {
    const confirmed: GatheredItem[] = [];
    let receipt: Receipt | null = null;
    for (const item of items) {
      const result = queue.confirm(item.itemId);
      // It was held for longer than the queue allows, and is no longer ours.
      if (result === false) continue;
      confirmed.push(item);
      receipt = result;
    }
    if (receipt === null) this.#answer(confirmed, 0);
    else receipt.whenSettled(() => this.#answer(confirmed, 0));
    return receipt;
  }

  #answer(items: readonly GatheredItem[], firstId: number): void {
    // The client has gone while the disk was busy.
    if (this.#gathering === null) return;
    this.#gathering = null;
    const { counters } = this.#host;
    counters.getHits += items.length;
    if (items.length === 0) counters.getMisses++;
    this.#client.reply({ kind: "gathered", items, firstId });
  }

  #inspect({ queue: name }: InspectRequest): void {
    const { queues, counters, controls } = this.#host;
    requireReads(controls);
    counters.cmdPeek++;
    const plan = {
      queue: queues.obtain(name),
      mode: "peek",
      lengthMax: 1,
      bytesMax: Number.POSITIVE_INFINITY,
      deadline: 0,
      mayGoOn: () => this.#pass.mayGet(name),
    } as const;
    this.#begin(
      new Gathering(this.#host, plan, ([head]) => {
        this.#gathering = null;
        this.#answerInspected(name, head);
        return null;
      }),
      name,
    );
  }

  #answerInspected(name: string, head: GatheredItem | undefined): void {
    const { queues, counters } = this.#host;
    if (head === undefined) counters.getMisses++;
    else counters.getHits++;
    const statistics = queues.stats(name) ?? [];
    this.#client.reply({ kind: "inspected", head: head ?? null, statistics });
  }

  #closeLent({ kind, ids }: LentRequest): void {
    const { lentReads } = this.#host;
    const receipts: Receipt[] = [];
    let value = 0;
    for (const id of ids) {
      const closed = kind === "confirm-lent" ? lentReads.confirm(id) : lentReads.abort(id);
      if (closed === false) continue;
      value++;
      if (closed instanceof Receipt && !receipts.includes(closed)) receipts.push(closed);
    }
    for (const receipt of receipts) this.#client.holdFor(receipt);
    this.#client.reply({ kind: "number", value });
  }
}
