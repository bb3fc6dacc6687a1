/** Lets so many in at the same time for each key. Others wait in line, in order; the lines together are bounded. */

interface Line {
  inside: number;
  readonly waiting: (() => void)[];
}

export class Turnstile {
  readonly #insideMax: number;
  readonly #waitingMax: number;
  readonly #lines: Map<string, Line> = new Map();
  #waiting = 0;

  constructor(insideMax: number, waitingMax: number) {
    this.#insideMax = insideMax;
    this.#waitingMax = waitingMax;
  }

  /** Resolves when it is one's turn; then `leave` has to be called. False: too many wait already. */
  async enter(key: string): Promise<boolean> {
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = { inside: 0, waiting: [] }));
    if (line.inside < this.#insideMax) {
      line.inside++;
      return true;
    }
    if (this.#waiting >= this.#waitingMax) return false;
    this.#waiting++;
    // Who leaves gives its place to the next one.
    await new Promise<void>((resolve) => line.waiting.push(resolve));
    return true;
  }

  leave(key: string): void {
    const line = this.#lines.get(key)!;
    const next = line.waiting.shift();
    if (next !== undefined) {
      this.#waiting--;
      next();
    } else if (--line.inside === 0) {
      this.#lines.delete(key);
    }
  }
}
