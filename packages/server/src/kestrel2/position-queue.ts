/** Numbers in a ring, taken from the front and put at both ends: eight bytes each, so that millions are cheap. */
export class PositionQueue {
  #ring: Float64Array = new Float64Array(64);
  #front = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(position: number): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#front + this.#length++) % this.#ring.length] = position;
  }

  unshift(position: number): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#front = (this.#front + this.#ring.length - 1) % this.#ring.length;
    this.#ring[this.#front] = position;
    this.#length++;
  }

  /** Undefined when it is empty. */
  shift(): number | undefined {
    if (this.#length === 0) return undefined;
    const position = this.#ring[this.#front];
    this.#front = (this.#front + 1) % this.#ring.length;
    this.#length--;
    return position;
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let i = 0; i < this.#length; i++) yield this.#ring[(this.#front + i) % this.#ring.length]!;
  }

  #grow(): void {
    const ring = new Float64Array(this.#ring.length * 2);
    ring.set(this.#ring.subarray(this.#front));
    ring.set(this.#ring.subarray(0, this.#front), this.#ring.length - this.#front);
    this.#ring = ring;
    this.#front = 0;
  }
}
