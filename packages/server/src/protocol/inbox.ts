/**
 * One connection's way in: what was received and could not be read yet. While that is too much the socket is paused.
 * Nothing is kept, nor any memory held, of a connection whose input is read to its end.
 */
import type { Socket } from "node:net";
import { HeldInput } from "./held-input.ts";

export class Inbox {
  readonly #socket: Pick<Socket, "pause" | "resume">;
  readonly #heldBytesMax: number;
  #held: HeldInput | null = null;
  #isPaused = false;

  constructor(socket: Pick<Socket, "pause" | "resume">, heldBytesMax: number) {
    this.#socket = socket;
    this.#heldBytesMax = heldBytesMax;
  }

  /** What is not read yet; whoever reads of it says by `keep` how far. Null: nothing. */
  get held(): HeldInput | null {
    return this.#held;
  }

  /** `input[at, end)` was not read: what is held to its end, or a copy of what has just arrived. */
  keep(input: Buffer, at: number, end: number): void {
    if (at === end) this.#held = null;
    else if (this.#held !== null) this.#held.start = at;
    else this.#held = new HeldInput(input, at, end);
    this.#setPaused(this.#held !== null && this.#held.size > this.#heldBytesMax);
  }

  /** Forgets what is held. A socket that is paused stays so. */
  drop(): void {
    this.#held = null;
  }

  /** Ends a pause: for who drops all that arrives. */
  resume(): void {
    this.#setPaused(false);
  }

  #setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else this.#socket.resume();
  }
}
