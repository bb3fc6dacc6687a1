/**
 * Whether large items may be handed out now: not while as much memory as there may be holds what clients have not read
 * yet. A queue with one at its head waits here meanwhile, and the item stays where it is. When the gate opens, the queues
 * go on in the order they came, until it is closed again. Small items pass.
 */

/** A queue, as the gate sees it. */
export interface HeldUpQueue {
  /** Serves those who wait; may come back to the gate. */
  serve(): void;
}

export class LargeItemGate {
  readonly #heldUp: Set<HeldUpQueue> = new Set();
  isClosed = false;

  /** The queue goes on when the gate opens. */
  holdUp(queue: HeldUpQueue): void {
    this.#heldUp.add(queue);
  }

  /** The queue is gone. */
  forget(queue: HeldUpQueue): void {
    this.#heldUp.delete(queue);
  }

  /** Lets go on who waits here, as far as the gate is open. Called after it has opened. */
  resume(): void {
    for (const queue of this.#heldUp) {
      if (this.isClosed) return;
      this.#heldUp.delete(queue);
      queue.serve();
    }
  }
}
