// That a node said no to one kind of request, because of its status: held for a while, longer with each no, then
// it is asked again.

import { Backoff, type BackoffOptions } from "./backoff.ts";

export class Refusal {
  readonly #backoff: Backoff;
  #timer: NodeJS.Timeout | undefined;
  #isHeld = false;

  constructor(retry: BackoffOptions) {
    this.#backoff = new Backoff(retry);
  }

  /** Whether the node had better not be asked. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** The node said no. Calls back when it may be asked again. */
  begin(onOver: () => void): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#timer = setTimeout(() => {
      this.#isHeld = false;
      onOver();
    }, this.#backoff.nextMs());
  }

  /** The node said yes; to a request that was sent before the no, if that is still held. */
  end(): void {
    if (!this.#isHeld) this.#backoff.reset();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
