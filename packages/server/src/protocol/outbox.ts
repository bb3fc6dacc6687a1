/**
 * One connection's way out: gathers the answers of a turn, holds them until their receipts are kept, sends them in
 * order, and knows how much the client has not taken yet; of that it keeps the memory informed that the connections share.
 */
import type { Socket } from "node:net";
import type { Receipt } from "../journal/receipt.ts";
import type { Counters } from "../stats/counters.ts";
import type { AnswerHolder, AnswerMemory } from "./answer-memory.ts";
import type { Output, OutputPool } from "./output.ts";

export interface OutboxOwner {
  /** Not all of these answers are true: gives what to say instead. */
  mend(output: Output): Output;
  /** Answers that waited for their receipts have gone out, or can't any more. */
  settled(): void;
  /** The client reads too little, while others need the memory. */
  answersGivenUp(bytes: number): void;
}

/** What a connection may gather while the shared memory is used up. */
const scarceBytesMax = 16 * 1024;

interface WithHandle {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

export class Outbox implements AnswerHolder {
  readonly #socket: Socket;
  readonly #pool: OutputPool;
  readonly #memory: AnswerMemory;
  readonly #counters: Counters;
  readonly #unsentBytesMax: number;
  readonly #owner: OutboxOwner;
  /** This turn's answers. */
  #current: Output | null = null;
  /** Answers of former turns that wait for their receipts, oldest first. */
  #unsettled: Output[] = [];
  #unsettledBytes = 0;
  /** So much may be unsent and gathered; fixed while a turn's answers are. */
  #roomBytes = 0;
  /** What the shared memory knows of. */
  #heldBytes = 0;
  #isAwaitingReceipt = false;
  /** The client reads more slowly than it is answered. */
  #isDraining = false;
  #isDropped = false;

  constructor(
    socket: Socket,
    pool: OutputPool,
    memory: AnswerMemory,
    counters: Counters,
    unsentBytesMax: number,
    owner: OutboxOwner,
  ) {
    this.#socket = socket;
    this.#pool = pool;
    this.#memory = memory;
    this.#counters = counters;
    this.#unsentBytesMax = unsentBytesMax;
    this.#roomBytes = unsentBytesMax;
    this.#owner = owner;
  }

  /** For answers of this turn. */
  get output(): Output {
    return (this.#current ??= this.#begin());
  }

  #begin(): Output {
    this.#roomBytes = this.#memory.isFull
      ? Math.min(scarceBytesMax, this.#unsentBytesMax)
      : this.#unsentBytesMax;
    return this.#pool.take();
  }

  /** False: so much is unsent that nothing more should be answered. */
  get hasRoom(): boolean {
    if (this.#isDraining) return false;
    const currentBytes = this.#current === null ? 0 : this.#current.size;
    return this.#unsettledBytes + currentBytes <= this.#roomBytes;
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
      if (this.#unsettledBytes > scarceBytesMax) this.account();
      this.#settle();
    }
  }

  /** The client has read all there was. True: it had been too slow. */
  drained(): boolean {
    const wasDraining = this.#isDraining;
    this.#isDraining = false;
    this.account();
    return wasDraining;
  }

  /** Nobody is there any more to be told anything. */
  drop(): void {
    this.#isDropped = true;
    this.#current = null;
    this.#unsettled = [];
    this.#unsettledBytes = 0;
    this.#hold(0);
  }

  /** Tells the shared memory how much is here: before that is a lot, and whenever it was. */
  account(): void {
    if (this.#isDropped) return;
    const { writableNeedDrain, writableEnded, writableLength } = this.#socket;
    // Whoever has but a little to read is not told of, nor heard of again. After its end no socket needs to drain.
    const sentBytes = writableNeedDrain || writableEnded ? writableLength : 0;
    this.#hold(sentBytes + this.#unsettledBytes + (this.#current?.size ?? 0));
  }

  #hold(bytes: number): void {
    if (bytes === 0 && this.#heldBytes === 0) return;
    this.#heldBytes = bytes;
    this.#memory.hold(this, bytes);
  }

  get progress(): number | null {
    const { writableLength, bytesWritten } = this.#socket;
    if (writableLength === 0) return null;
    // Of a large item the system takes piece after piece; only the handle knows how much is left.
    return bytesWritten - writableLength - ((this.#socket as WithHandle)._handle?.writeQueueSize ?? 0);
  }

  giveUpAnswers(): void {
    const bytes = this.#heldBytes;
    this.#hold(0);
    this.#owner.answersGivenUp(bytes);
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
    const isTaken = output.writeTo(this.#socket);
    if (isTaken) this.#pool.give(output);
    else if (this.#isTooSlow) this.#isDraining = true;
    if (!isTaken || this.#heldBytes > 0) this.account();
  }

  get #isTooSlow(): boolean {
    const { writableLength, writableNeedDrain } = this.#socket;
    return writableLength > this.#unsentBytesMax || (writableNeedDrain && this.#memory.isFull);
  }
}
