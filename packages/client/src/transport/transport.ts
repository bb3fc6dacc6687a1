// What the cluster needs of a node, whichever wire leads there. A transport serves one node, owns its
// connections, and rejects with TransportError only. It never repeats a request and never asks another node.

export type PutAnswer = "stored" | "full" | "too-large";

/** An item as it came over the wire. The data is the receiver's to keep. */
export interface RawItem {
  readonly data: Buffer;
  readonly flags: number;
}

/** An item to put. The data must not change until the put has settled. */
export interface RawPut {
  readonly data: Buffer;
  readonly flags: number;
  /** As the memcache protocol has it: 0 never, below 1,000,000 seconds from now, else epoch seconds. */
  readonly expiry: number;
}

/** Items to put in one call. The data must not change until the put has settled. */
export interface RawBatch {
  readonly items: readonly Buffer[];
  /** Of each of them; as in RawPut. */
  readonly flags: number;
  readonly expiry: number;
}

/**
 * An open read: the item is set aside for us until it is confirmed or goes back. When its connection ends the
 * node puts it back in its old place, without being asked. It is settled once: confirming again is `lost`,
 * aborting again does nothing.
 */
export interface OpenRead extends RawItem {
  /** The item has gone back to its queue because its connection ended. */
  readonly isLost: boolean;
  /** Removes the item for good. `lost`: it went back before this was sent. `no-answer`: it may have been
   * removed, or may have gone back. */
  confirm(): Promise<void>;
  /**
   * Confirms, and opens the next item of the same queue, in one round trip. Null: confirmed, and nothing there
   * that may be read now.
   */
  confirmAndOpen(): Promise<OpenRead | null>;
  /** Puts the item back where it was. Never rejects: if the node can't be told, its connection is ended. */
  abort(): Promise<void>;
}

export interface NodeTransport {
  /** Settles when the node has answered something harmless. */
  ping(signal?: AbortSignal): Promise<void>;
  put(queue: string, item: RawPut, signal?: AbortSignal): Promise<PutAnswer>;
  /**
   * Puts items in their order, in one call, up to the first one that is refused; gives how many were put. Only where
   * the wire has such a call.
   */
  putMany?(queue: string, batch: RawBatch, signal?: AbortSignal): Promise<number>;
  /**
   * Opens a read, waiting at the node for up to waitMs. An abort of the signal ends the wait; if an item is
   * already on its way it goes back.
   */
  openRead(queue: string, waitMs: number, signal?: AbortSignal): Promise<OpenRead | null>;
  /**
   * Opens up to so many items that are there, in one call. Fewer doesn't mean that there are no more, none does. Only
   * where the wire has such a call.
   */
  openMany?(queue: string, lengthMax: number, signal?: AbortSignal): Promise<OpenRead[]>;
  peek(queue: string, signal?: AbortSignal): Promise<RawItem | null>;
  deleteQueue(queue: string, signal?: AbortSignal): Promise<void>;
  flushQueue(queue: string, signal?: AbortSignal): Promise<void>;
  stats(signal?: AbortSignal): Promise<Map<string, string>>;
  /** How many items wait in the queue, not counting open ones. Doesn't create the queue. */
  itemsIn(queue: string): Promise<number>;
  /** Resolves when no read waits or is open, as soon as nobody begins a new one. */
  drained(): Promise<void>;
  /** Lets what was sent be answered, ends everything else; open reads go back to their queues. */
  close(): Promise<void>;
}
