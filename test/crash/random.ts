/** Chance that can be repeated: the same seed gives the same numbers (mulberry32). */

export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** From the named environment variable, else a new one. Says on the console which, to have it again. */
  static announced(variable: string): Random {
    const random = new Random(Number(process.env[variable] ?? Math.floor(Math.random() * 2 ** 32)));
    console.log(`${variable}=${random.seed} repeats this run's choices`);
    return random;
  }

  /** 0 or more, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 15), bits | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** A whole number from `min` to `max` of which each order of magnitude is as likely as the others. */
  magnitude(min: number, max: number): number {
    return Math.floor(min * (max / min) ** this.next());
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** Bytes without any pattern. */
  bytes(size: number): Buffer {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++) bytes[i] = this.next() * 256;
    return bytes;
  }
}
