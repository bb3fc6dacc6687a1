/**
 * What one connection keeps of a request that is not whole yet: its body, and what its codec keeps meanwhile. All of
 * it counts against the memory that the connections share; a body for which there is none is passed by.
 */
import { largeItemBytes } from "../journal/large-item.ts";
import type { BodyHolder, BodyMemory } from "./body-memory.ts";
import { IncomingBody } from "./incoming-body.ts";

/** The connection, as the intake of its bodies sees it. */
export interface IntakeOwner {
  /** The body is whole, and valid until it is released. */
  bodyWhole(body: IncomingBody): void;
  /** The body has gone by. */
  bodyPassed(): void;
  /** There is no memory for the body; so many bytes of it are still to come, and nobody wants them. */
  bodyHasNoMemory(missing: number): void;
  /** The body at hand was given up, for others who need the memory: the client can't be served any more. */
  bodyGivenUp(body: IncomingBody | null): void;
}

export class BodyIntake implements BodyHolder {
  readonly #memory: BodyMemory;
  readonly #owner: IntakeOwner;
  #body: IncomingBody | null = null;
  #isKept = false;
  /** Bytes of an unfinished request are accounted for. */
  #holdsMemory = false;

  constructor(memory: BodyMemory, owner: IntakeOwner) {
    this.#memory = memory;
    this.#owner = owner;
  }

  /** A body of `size` bytes follows that is wanted. */
  keep(size: number): void {
    this.#body = new IncomingBody(size);
    this.#isKept = true;
    if (size === 0) this.#owner.bodyWhole(this.#body);
  }

  /** `size` bytes follow that nobody wants. */
  passBy(size: number): void {
    this.#body = new IncomingBody(size);
    this.#isKept = false;
    if (size === 0) this.#passed();
  }

  /** Takes the body's part of `input[at, end)`; returns where it ends. */
  take(input: Buffer, at: number, end: number): number {
    const body = this.#body!;
    const stop = body.endIn(at, end);
    if (!this.#isKept) {
      body.pass(stop - at);
      if (body.isWhole) this.#passed();
      return stop;
    }
    const capacity = body.capacityFor(stop - at);
    if (!this.hold(capacity)) {
      this.#refuse(body);
      return at;
    }
    body.keep(input, at, stop, capacity);
    if (body.isWhole) this.#owner.bodyWhole(body);
    return stop;
  }

  /** Where a large body wants to be received; null: anywhere. */
  findRoom(): Buffer | null {
    const body = this.#body;
    if (body === null || body.missing < largeItemBytes) return null;
    const capacity = body.capacityFor(1);
    if (this.hold(capacity)) return body.room(capacity);
    this.#refuse(body);
    return null;
  }

  /** `size` bytes have arrived in the room that was found last. */
  arrivedInRoom(size: number): void {
    const body = this.#body;
    if (body === null) return;
    body.pass(size);
    if (body.isWhole) this.#owner.bodyWhole(body);
  }

  /** Accounts for so many bytes in all; false: there is no memory for them. */
  hold(bytes: number): boolean {
    if (bytes === 0) {
      this.release();
      return true;
    }
    this.#holdsMemory = true;
    return this.#memory.grow(this, bytes);
  }

  /** Nothing of the request is kept any more. */
  release(): void {
    this.#body = null;
    if (!this.#holdsMemory) return;
    this.#holdsMemory = false;
    this.#memory.release(this);
  }

  giveUpBody(): void {
    const body = this.#body;
    this.release();
    this.#owner.bodyGivenUp(body);
  }

  #refuse(body: IncomingBody): void {
    this.release();
    this.#owner.bodyHasNoMemory(body.missing);
  }

  #passed(): void {
    this.#body = null;
    this.#owner.bodyPassed();
  }
}
