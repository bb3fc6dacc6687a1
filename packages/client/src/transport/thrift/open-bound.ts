// How many items of one queue a node lets be open on one connection (maxOpenTransactions there), as far as its answers
// have shown.

/** A bound that was found is doubted after so long: it may have been found by a coincidence. */
const BELIEVED_MS = 10_000;

export class OpenBound {
  #least = 1;
  #most = Number.POSITIVE_INFINITY;
  #doubtedAt = 0;

  /** It is at least this. */
  get least(): number {
    return this.#least;
  }

  /** It is at most this; infinite as long as nothing else was seen. */
  get most(): number {
    if (this.#most !== Number.POSITIVE_INFINITY && performance.now() > this.#doubtedAt) {
      this.#most = Number.POSITIVE_INFINITY;
    }
    return this.#most;
  }

  /** So many were open on a connection. */
  granted(length: number): void {
    this.#least = Math.max(this.#least, length);
    if (this.#least > this.#most) this.#most = Number.POSITIVE_INFINITY;
  }

  /** With so many open a connection was given nothing, while another one was. */
  reached(length: number): void {
    if (length < this.#least) return;
    this.#most = length;
    this.#doubtedAt = performance.now() + BELIEVED_MS;
  }
}
