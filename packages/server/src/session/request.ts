/**
 * The waist: what a client may ask, and what it may be told, in any protocol. Codecs turn bytes into requests
 * and replies into bytes; the session turns requests into replies. Nothing here knows a protocol or a file.
 *
 * Requests and replies of the hot path are mutable and used again: whoever gets one reads it at once.
 */
import type { KestrelError } from "../errors.ts";
import type { ItemView } from "../journal/item-view.ts";
import type { Receipt } from "../journal/receipt.ts";
import type { PutRefusal } from "../queue/capacity.ts";
import type { Queue } from "../queue/queue.ts";
import type { Statistic, StatisticGroup } from "../stats/statistic.ts";
import type { GatheredItem } from "./gathering.ts";

export type Request =
  | PutRequest
  | GetRequest
  | MonitorRequest
  | ConfirmRequest
  | BulkRequest
  | ReloadRequest
  | AuthenticateRequest
  | ManageRequest;

/** Several items in one request, and open reads that are lent by the server instead of belonging to the session. */
export type BulkRequest = PutManyRequest | GatherRequest | LentRequest | InspectRequest;

/** Requests that are answered at once and that nobody sends often. */
export type ManageRequest = QueueRequest | DumpStatsRequest | SetStatusRequest | ServerRequest;

/** The item is `source[start, end)`; it is copied before `execute` returns. */
export interface PutRequest {
  readonly kind: "put";
  queue: string;
  source: Buffer;
  start: number;
  end: number;
  flags: number;
  /** Absolute, in ms since the epoch; 0: never. */
  expiryMs: number;
}

/** At most one item. Which of the marks exclude each other is the session's business, not the codec's. */
export interface GetRequest {
  readonly kind: "get";
  readonly queue: string;
  readonly isOpen: boolean;
  readonly isClose: boolean;
  readonly isAbort: boolean;
  readonly isPeek: boolean;
  /** 0: don't wait. */
  readonly waitMs: number;
}

/** Every item that arrives, each an open read. */
export interface MonitorRequest {
  readonly kind: "monitor";
  readonly queue: string;
  readonly waitMs: number;
  /** Ends after that many items; null: as many as the client may have open. */
  readonly lengthMax: number | null;
}

/** Confirms the oldest `length` open reads. */
export interface ConfirmRequest {
  readonly kind: "confirm";
  readonly queue: string;
  readonly length: number;
  /** Confirms none unless that many are open. */
  readonly isExact?: boolean;
}

/** Puts items in order; they are copied before `execute` returns. */
export interface PutManyRequest {
  readonly kind: "put-many";
  queue: string;
  source: Buffer;
  /** The item of index i is `source[bounds[2 * i], bounds[2 * i + 1])`. */
  bounds: number[];
  /** How many items. */
  length: number;
  /** Absolute, in ms since the epoch; 0: never. */
  expiryMs: number;
  /** Of each of them. */
  flags: number;
  /** A refused item ends the request; otherwise the others are tried all the same. */
  readonly stopsAtRefusal: boolean;
}

/** Items for one answer, as soon as they are together or the time is over. */
export interface GatherRequest {
  readonly kind: "gather";
  readonly queue: string;
  readonly lengthMax: number;
  /** The item that reaches it is the last one. */
  readonly bytesMax: number;
  /** 0: don't wait. */
  readonly waitMs: number;
  /** For how long they are lent, counted from the answer; 0: they are gone for good. */
  readonly lendMs: number;
  /** What is lent goes back with the session's end. */
  readonly endsWithSession: boolean;
}

/** Closes lent items. */
export interface LentRequest {
  readonly kind: "confirm-lent" | "abort-lent";
  readonly ids: readonly number[];
}

/** The item at the head, and the queue's statistics. Creates the queue, as every get does. */
export interface InspectRequest {
  readonly kind: "inspect";
  readonly queue: string;
}

/** None of them creates a queue. */
export interface QueueRequest {
  readonly kind: "flush" | "flush-expired" | "delete";
  readonly queue: string;
}

interface DumpStatsRequest {
  readonly kind: "dump-stats";
  /** Empty: all. */
  readonly queues: readonly string[];
}

export interface SetStatusRequest {
  readonly kind: "set-status";
  readonly status: string;
}

export interface ServerRequest {
  readonly kind: "flush-all" | "flush-all-expired" | "stats" | "dump-config" | "status" | "shutdown";
}

/** The configuration file is read again. */
export interface ReloadRequest {
  readonly kind: "reload";
}

/** Somebody says who it is. What comes of it is `done`, or an error and nothing has changed. */
export interface AuthenticateRequest {
  readonly kind: "authenticate";
  readonly user: string;
  readonly password: Buffer;
}

export type Reply =
  | StoredReply
  | { readonly kind: "refused"; readonly why: Refusal }
  | ItemReply
  /** Nothing there, or the wait is over, or a read was closed or put back; also the end of a monitor. */
  | { readonly kind: "nothing" }
  /** So many items were put. Holds only if the receipt, if any, is kept. */
  | { readonly kind: "stored-many"; readonly length: number; readonly receipt: Receipt | null }
  /** Lent items have ids from `firstId` on, in order; 0: they are not lent. */
  | { readonly kind: "gathered"; readonly items: readonly GatheredItem[]; readonly firstId: number }
  | {
      readonly kind: "inspected";
      readonly head: GatheredItem | null;
      readonly statistics: readonly Statistic[];
    }
  /** That many open reads were confirmed. */
  | { readonly kind: "confirmed"; readonly length: number }
  | { readonly kind: "done" }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "stats"; readonly statistics: readonly Statistic[] }
  | { readonly kind: "groups"; readonly groups: readonly StatisticGroup[] }
  /** Refused by the engine or the session; each protocol has its words for the code. */
  | { readonly kind: "error"; readonly error: KestrelError }
  /** The server tried and could not; the message says why. */
  | { readonly kind: "failed"; readonly message: string };

/** The queue is full, its rules refuse such large items, or the server's own limit does. */
export type Refusal = PutRefusal | "over-limit";

/** Holds only if the receipt is kept. */
export interface StoredReply {
  readonly kind: "stored";
  receipt: Receipt;
  /** The item's id on its queue; 0 when it has none or, by an alias, several. */
  id: number;
}

/** Valid until the next call into the engine. */
export interface ItemReply {
  readonly kind: "item";
  item: ItemView;
  /** Where it is an open read now; null: it is gone from the queue, or was only looked at. */
  openedIn: Queue | null;
}
