/**
 * One connection's way out: gathers the answers of a turn, holds them until their receipts are kept, sends them in
 * order, and knows how much the client has not taken yet.
 */
import type { Socket } from "node:net";
import type { Receipt } from "../journal/receipt.ts";
import type { Counters } from "../stats/counters.ts";
import type { Output, OutputPool } from "./output.ts";

export interface OutboxOwner {
  /** Not all of these answers are true: gives what to say instead. */
  mend(output: Output): Output;
  /** Answers that waited for their receipts have gone out, or can't any more. */
  settled(): void;
}

export class Outbox {
  readonly #socket: Socket;
  readonly #pool: OutputPool;
  readonly #counters: Counters;
  readonly #unsentBytesMax: number;
  readonly #owner: OutboxOwner;
  /** This turn's answers. */
  #current: Output | null = null;
  /** Answers of former turns that wait for their receipts, oldest first. */
  #unsettled: Output[] = [];
  #unsettledBytes = 0;
  #isAwaitingReceipt = false;
  /** The client reads more slowly than it is answered. */
  #isDraining = false;
  #isDropped = false;

  constructor(
    socket: Socket,
    pool: OutputPool,
    counters: Counters,
    unsentBytesMax: number,
    owner: OutboxOwner,
  ) {
    this.#socket = socket;
    this.#pool = pool;
    this.#counters = counters;
    this.#unsentBytesMax = unsentBytesMax;
    this.#owner = owner;
  }

  /** For answers of this turn. */
  get output(): Output {
    return (this.#current ??= this.#pool.take());
  }

  /** False: so much is unsent that nothing more should be answered. */
  get hasRoom(): boolean {
    if (this.#isDraining) return false;
    const currentBytes = this.#current === null ? 0 : this.#current.size;
    return this.#unsettledBytes + currentBytes <= this.#unsentBytesMax;
  }

  /** Everything was handed to the socket. */
  get isEmpty(): boolean {
    return this.#current === null && this.#unsettled.length === 0;
  }

  /** The turn is over: sends its answers, or keeps them until their receipts are there. */
  endTurn(): void {
    const output = this.#current;
    if (output === null) return;
    this.#current = null;
    if (this.#unsettled.length === 0 && output.state === "kept") {
      this.#send(output);
    } else {
      this.#unsettled.push(output);
      this.#unsettledBytes += output.size;
      this.#settle();
    }
  }

  /** The client has read all there was. True: it had been too slow. */
  drained(): boolean {
    const wasDraining = this.#isDraining;
    this.#isDraining = false;
    return wasDraining;
  }

  /** Nobody is there any more to be told anything. */
  drop(): void {
    this.#isDropped = true;
    this.#current = null;
    this.#unsettled = [];
    this.#unsettledBytes = 0;
  }

  #settle(): void {
    while (this.#unsettled.length > 0) {
      const output = this.#unsettled[0]!;
      const { pendingReceipt } = output;
      if (pendingReceipt !== null) {
        this.#await(pendingReceipt);
        return;
      }
      this.#unsettled.shift();
      this.#unsettledBytes -= output.size;
      this.#send(output.state === "kept" ? output : this.#mend(output));
    }
  }

  #await(receipt: Receipt): void {
    if (this.#isAwaitingReceipt) return;
    this.#isAwaitingReceipt = true;
    receipt.whenSettled(() => {
      this.#isAwaitingReceipt = false;
      if (this.#isDropped) return;
      this.#settle();
      this.#owner.settled();
    });
  }

  #mend(output: Output): Output {
    const mended = this.#owner.mend(output);
    this.#pool.give(output);
    return mended;
  }

  #send(output: Output): void {
    this.#counters.bytesWritten += output.size;
    // What the system has not taken at once is still read from: it is left to the socket.
    if (output.writeTo(this.#socket)) this.#pool.give(output);
    else if (this.#socket.writableLength > this.#unsentBytesMax) this.#isDraining = true;
  }
}
