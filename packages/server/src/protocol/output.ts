/**
 * What one connection says in one turn: bytes, large items by reference, and for each answer that hangs on a
 * record not yet written, a pledge. At the end of the turn it goes out as it is if all pledges are kept, which
 * is nearly always so. Outputs are pooled, so that an idle connection holds none.
 */
import type { Socket } from "node:net";
import { holdLargeItem, largeItemBytes, releaseLargeItem } from "../journal/large-item.ts";
import type { Receipt, ReceiptState } from "../journal/receipt.ts";
import type { Queue } from "../queue/queue.ts";

/** Data that is sent from where it lies. */
interface LargeData {
  /** It goes before the byte at this offset of the output. */
  offset: number;
  data: Buffer;
}

/** What is pledged: that an item was put, that this item is the client's, or that reads were confirmed. */
export type PledgeKind = "put" | "item" | "confirm";

/** An answer that may turn out to be wrong. */
export interface Pledge {
  receipt: Receipt | null;
  kind: PledgeKind;
  /** The answer: bytes `[start, end)` and large data `[largeStart, largeEnd)`. */
  start: number;
  end: number;
  largeStart: number;
  largeEnd: number;
  /** Two numbers by which the codec remembers the request. */
  tag: number;
  opaque: number;
  /** The open read that was answered with, to be forgotten on failure. */
  openedIn: Queue | null;
  id: number;
}

const initialBytes = 4 * 1024;
/** Grown buffers above this are not pooled. */
const pooledBytesMax = 64 * 1024;
const pooledLengthMax = 512;
const zero = 0x30;

export class Output {
  /** Write into it only what `reserve` has given. */
  bytes: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  length = 0;
  /** Large data, not counted in `length`. */
  largeBytes = 0;
  readonly large: LargeData[] = [];
  /** Only the first `pledgeLength` count; the others wait to be used again. */
  readonly pledges: Pledge[] = [];
  pledgeLength = 0;
  /** The constant that this begins with, if it does. */
  #first: Buffer | null = null;

  get size(): number {
    return this.length + this.largeBytes;
  }

  /** Room for `size` more bytes; returns where it begins. */
  reserve(size: number): number {
    const at = this.length;
    const end = at + size;
    if (end > this.bytes.length) this.#grow(end);
    this.length = end;
    return at;
  }

  /** For short constants, which must not change. */
  constant(source: Buffer): void {
    const size = source.length;
    if (this.length === 0) this.#first = source;
    let to = this.reserve(size);
    const { bytes } = this;
    for (let i = 0; i < size; i++) bytes[to++] = source[i]!;
  }

  /** A whole number from 0, in decimal digits. */
  decimal(value: number): void {
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    let to = this.reserve(digits) + digits;
    const { bytes } = this;
    let left = value;
    do {
      const rest = Math.floor(left / 10);
      bytes[--to] = zero + (left - rest * 10);
      left = rest;
    } while (left > 0);
  }

  /** As UTF-8. */
  text(value: string): void {
    const size = Buffer.byteLength(value);
    const at = this.reserve(size);
    this.bytes.write(value, at, size, "utf8");
  }

  /** An item's data; large data is not copied and must not change. */
  data(source: Buffer, start: number, end: number): void {
    if (end - start >= largeItemBytes) {
      this.#refer(source.subarray(start, end));
    } else {
      const at = this.reserve(end - start);
      source.copy(this.bytes, at, start, end);
    }
  }

  #refer(data: Buffer): void {
    holdLargeItem(data);
    this.large.push({ offset: this.length, data });
    this.largeBytes += data.length;
  }

  /** Takes back what was appended since `length` and `largeLength`, if nothing of it is pledged. */
  cutTo(length: number, largeLength: number): void {
    for (const { data } of this.large.splice(largeLength)) {
      this.largeBytes -= data.length;
      releaseLargeItem(data);
    }
    this.length = length;
    this.#first = null;
    const spareBytes = Math.max(initialBytes, length);
    if (this.bytes.length > pooledBytesMax) this.bytes = Buffer.from(this.bytes.subarray(0, spareBytes));
  }

  /** What was appended since `start` and `largeStart` hangs on the receipt. */
  pledge(
    receipt: Receipt,
    kind: PledgeKind,
    start: number,
    largeStart: number,
    tag: number,
    opaque: number,
    openedIn: Queue | null,
    id: number,
  ): void {
    let pledge = this.pledges[this.pledgeLength];
    if (pledge === undefined) {
      pledge = {
        receipt,
        kind,
        start,
        end: 0,
        largeStart,
        largeEnd: 0,
        tag,
        opaque,
        openedIn,
        id,
      };
      this.pledges.push(pledge);
    } else {
      pledge.receipt = receipt;
      pledge.kind = kind;
      pledge.start = start;
      pledge.largeStart = largeStart;
      pledge.tag = tag;
      pledge.opaque = opaque;
      pledge.openedIn = openedIn;
      pledge.id = id;
    }
    pledge.end = this.length;
    pledge.largeEnd = this.large.length;
    this.pledgeLength++;
  }

  /** Pending while any receipt is, else failed if any has failed. */
  get state(): ReceiptState {
    let state: ReceiptState = "kept";
    for (let i = 0; i < this.pledgeLength; i++) {
      const receiptState = this.pledges[i]!.receipt!.state;
      if (receiptState === "pending") return "pending";
      if (receiptState === "failed") state = "failed";
    }
    return state;
  }

  /** The first receipt that is pending; null when none is. */
  get pendingReceipt(): Receipt | null {
    for (let i = 0; i < this.pledgeLength; i++) {
      const { receipt } = this.pledges[i]!;
      if (receipt!.state === "pending") return receipt;
    }
    return null;
  }

  /** Appends part of another output: its bytes `[start, end)` with the large data that lies between. */
  append(source: Output, start: number, end: number, largeStart: number, largeEnd: number): void {
    let from = start;
    for (let i = largeStart; i < largeEnd; i++) {
      const { offset, data } = source.large[i]!;
      this.#copy(source.bytes, from, offset);
      this.#refer(data);
      from = offset;
    }
    this.#copy(source.bytes, from, end);
  }

  /** In one write. True: the system has taken all of it, and the output can be used again. */
  writeTo(socket: Socket): boolean {
    if (this.size === 0) return true;
    if (this.large.length === 0) {
      // One answer, always the same: the most frequent case, and no view of the bytes has to be made.
      const isConstant = this.#first !== null && this.#first.length === this.length;
      socket.write(isConstant ? this.#first! : this.bytes.subarray(0, this.length));
    } else {
      socket.cork();
      let from = 0;
      for (const { offset, data } of this.large) {
        if (offset > from) socket.write(this.bytes.subarray(from, offset));
        // After an error the system may still be reading.
        socket.write(data, (error) => {
          if (error === null || error === undefined) releaseLargeItem(data);
        });
        from = offset;
      }
      if (this.length > from) socket.write(this.bytes.subarray(from, this.length));
      socket.uncork();
    }
    return socket.writableLength === 0;
  }

  clear(): void {
    this.#first = null;
    this.length = 0;
    this.largeBytes = 0;
    this.large.length = 0;
    for (let i = 0; i < this.pledgeLength; i++) {
      const pledge = this.pledges[i]!;
      pledge.receipt = null;
      pledge.openedIn = null;
    }
    this.pledgeLength = 0;
  }

  #copy(source: Buffer, start: number, end: number): void {
    const at = this.reserve(end - start);
    source.copy(this.bytes, at, start, end);
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(size, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}

/** Outputs that are not in use, for all connections of a server. */
export class OutputPool {
  readonly #free: Output[] = [];

  take(): Output {
    return this.#free.pop() ?? new Output();
  }

  /** Only an output that nobody reads from any more. */
  give(output: Output): void {
    if (output.bytes.length > pooledBytesMax || this.#free.length >= pooledLengthMax) return;
    output.clear();
    this.#free.push(output);
  }
}
