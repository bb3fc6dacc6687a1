/** The queues of a server for the program that embeds it: promises in place of a protocol. */
import type { ItemView } from "../journal/item-view.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";
import { type GetMode, Waiter } from "../queue/waiter-list.ts";
import type { SessionHost } from "./session.ts";

export interface PutOptions {
  /** How long the item lives, in ms; without it, for ever. */
  expiresMs?: number;
  /** 32 bits that belong to the producer; 0 unless set. */
  flags?: number;
}

export interface GetOptions {
  /** How long to wait for an item, in ms; without it, not at all. */
  waitMs?: number;
}

export interface Item {
  readonly id: number;
  readonly data: Buffer;
  readonly flags: number;
}

/** An item set aside for its reader. Disposing of it aborts it unless it was confirmed. */
export interface OpenItem extends Item, AsyncDisposable {
  /** It is done. False: it was not open any more. Rejects with KestrelError `disk`. */
  confirm(): Promise<boolean>;
  /** It goes back to the head of its queue. False: it was not open any more. */
  abort(): boolean;
}

/**
 * Like a connection without a socket: what it throws are KestrelErrors. Whatever needs a queue is refused with
 * `bad-name` for a name that can't be one, and with `unavailable` once the server has stopped.
 */
export class EmbeddedQueues {
  readonly #host: SessionHost;

  constructor(host: SessionHost) {
    this.#host = host;
  }

  /**
   * Resolves once the item is as safe as the queue's settings ask. False: the queue is full, or refuses such large
   * items. Rejects with KestrelError `disk` when the disk does not take it.
   */
  async put(queue: string, data: Buffer | string, options: PutOptions = {}): Promise<boolean> {
    const { queues, counters, clock, timings } = this.#host;
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const expiryMs = options.expiresMs === undefined ? 0 : clock.now() + options.expiresMs;
    counters.cmdSet++;
    const began = timings.beginPut();
    const result = queues.put(queue, bytes, 0, bytes.length, options.flags ?? 0, expiryMs);
    if (typeof result === "string") return false;
    if (began !== 0) timings.endPut(queue, result, began);
    await settled(result);
    if (result.error !== null) throw result.error;
    return true;
  }

  /** Takes the next item out. Null: there is none, or none came in time, or the server stopped. */
  async get(queue: string, options: GetOptions = {}): Promise<Item | null> {
    this.#host.counters.cmdGet++;
    return this.#get(this.#host.queues.obtain(queue), "take", options);
  }

  /** Looks at the next item and leaves it where it is. */
  async peek(queue: string, options: GetOptions = {}): Promise<Item | null> {
    this.#host.counters.cmdPeek++;
    return this.#get(this.#host.queues.obtain(queue), "peek", options);
  }

  /** Sets the next item aside until it is confirmed or aborted. */
  async open(name: string, options: GetOptions = {}): Promise<OpenItem | null> {
    this.#host.counters.cmdGet++;
    const queue = this.#host.queues.obtain(name);
    const hold: Hold = { isOpen: true };
    const item = await this.#get(queue, "open", options, hold);
    return item === null ? null : openItem(queue, item, hold);
  }

  /** Removes every item but the open ones; does nothing when there is no such queue. */
  flush(queue: string): void {
    this.#host.queues.flush(queue);
  }

  /** Removes the queue and its journal; does nothing when there is no such queue. Throws KestrelError `disk`. */
  delete(queue: string): void {
    this.#host.queues.delete(queue);
  }

  /** In the order of their creation. */
  names(): string[] {
    return this.#host.queues.names();
  }

  async #get(queue: Queue, mode: GetMode, { waitMs = 0 }: GetOptions, hold?: Hold): Promise<Item | null> {
    const { clock, counters, timings } = this.#host;
    const deadline = waitMs > 0 ? clock.now() + waitMs : 0;
    const began = mode === "peek" ? 0 : timings.beginGet();
    const found = await new Promise<{ item: Item; receipt: Receipt | null } | null>((resolve) => {
      const receive = (item: ItemView): void => {
        if (began !== 0) timings.noteDelivery(queue, item.addTimeMs, clock.now());
        resolve({ item: copyOf(item), receipt: item.receipt });
      };
      const lapse = (): void => {
        if (hold !== undefined) hold.isOpen = false;
      };
      const result = queue.get(mode, deadline, { receive, miss: () => resolve(null), lapse });
      if (result === null) resolve(null);
      else if (!(result instanceof Waiter)) receive(result);
    });
    if (found?.receipt) await settled(found.receipt);
    const isThere = found !== null && found.receipt?.hasUndone(found.item.id) !== true;
    if (isThere) counters.getHits++;
    else counters.getMisses++;
    return isThere ? found.item : null;
  }
}

/** An item that is set aside; not any more once it has been open for longer than its queue allows. */
interface Hold {
  isOpen: boolean;
}

function openItem(queue: Queue, item: Item, hold: Hold): OpenItem {
  const abort = (): boolean => {
    const wasOpen = hold.isOpen;
    hold.isOpen = false;
    return wasOpen && queue.abort(item.id);
  };
  return {
    ...item,
    abort,
    async confirm() {
      if (!hold.isOpen) return false;
      hold.isOpen = false;
      const receipt = queue.confirm(item.id);
      if (receipt === null || receipt === false) return receipt === null;
      await settled(receipt);
      if (receipt.error !== null) throw receipt.error;
      return true;
    },
    async [Symbol.asyncDispose]() {
      abort();
    },
  };
}

function copyOf({ id, flags, buffer, start, end }: ItemView): Item {
  return { id, flags, data: Buffer.from(buffer.subarray(start, end)) };
}

function settled(receipt: Receipt): Promise<void> {
  return new Promise((resolve) => receipt.whenSettled(resolve));
}
