/**
 * What became of every item of one soak: what its put was told, how often it was handled, how often a consumer said
 * that it could not confirm it. A few bytes an item, outside the heap, so that hours of it don't show in the memory
 * that is being watched.
 */

const stateOf = { sending: 1, stored: 2, unknown: 3, refused: 4 } as const;

export type PutState = keyof typeof stateOf;

const countMax = 255;
const headSize = 24;

export interface Tally {
  readonly stored: number;
  readonly unknown: number;
  readonly refused: number;
  readonly handled: number;
  /** Handled more often than once, and of them the ones that were handled although their put was `unknown`. */
  readonly doubled: number;
  readonly unknownHandled: number;
  readonly unconfirmed: number;
}

export class Ledger {
  /** What must never be: told at the end, and bounded. */
  readonly violations: string[] = [];
  readonly #queues: readonly string[];
  #length = 0;
  #missing = 0;
  #handledTimes = 0;
  #states = new Uint8Array(1024);
  #queueOf = new Uint8Array(1024);
  #handled = new Uint8Array(1024);
  #unconfirmed = new Uint8Array(1024);

  constructor(queues: readonly string[]) {
    this.#queues = queues;
  }

  /** Items that were stored and not handled yet. */
  get missing(): number {
    return this.#missing;
  }

  get handledTimes(): number {
    return this.#handledTimes;
  }

  /** A new item of this queue, about to be put: its bytes, which say which one it is. */
  create(queue: string, size: number): { id: number; data: Buffer } {
    const id = this.#length++;
    if (id >= this.#states.length) this.#grow();
    this.#states[id] = stateOf.sending;
    this.#queueOf[id] = this.#queues.indexOf(queue);
    const data = Buffer.alloc(Math.max(size, headSize), `${id} `.padStart(headSize));
    return { id, data };
  }

  told(id: number, state: PutState): void {
    this.#states[id] = stateOf[state];
    if (state === "stored" && this.#handled[id] === 0) this.#missing++;
    if (state === "refused" && this.#handled[id]! > 0)
      this.#violate(id, "was handled, then reported as not stored");
  }

  /** A handler is done with an item of that queue. */
  handled(queue: string, data: Buffer): void {
    const id = this.#idIn(queue, data);
    if (id === undefined) return;
    if (this.#states[id] === stateOf.refused)
      this.#violate(id, "was handled, and had been reported as not stored");
    if (this.#states[id] === stateOf.stored && this.#handled[id] === 0) this.#missing--;
    this.#handledTimes++;
    this.#handled[id] = Math.min(countMax, this.#handled[id]! + 1);
  }

  /** A consumer has said that this item, which it has handled or put again, may come again. */
  unconfirmed(queue: string, data: Buffer): void {
    const id = this.#idIn(queue, data);
    if (id !== undefined) this.#unconfirmed[id] = Math.min(countMax, this.#unconfirmed[id]! + 1);
  }

  /**
   * Judges all items. `unnamedConfirms` are the confirms that failed in a queue whose readers are not told of which
   * item: that many doubles may be there.
   */
  judge(unnamedConfirms: ReadonlyMap<string, number>): Tally {
    const tally = {
      stored: 0,
      unknown: 0,
      refused: 0,
      handled: 0,
      doubled: 0,
      unknownHandled: 0,
      unconfirmed: 0,
    };
    const unnamed = new Map(unnamedConfirms);
    for (let id = 0; id < this.#length; id++) {
      const [state, handled] = [this.#states[id]!, this.#handled[id]!];
      if (state === stateOf.stored) tally.stored++;
      if (state === stateOf.unknown) tally.unknown++;
      if (state === stateOf.refused) tally.refused++;
      if (state === stateOf.sending) this.#violate(id, "has a put that never came to an end");
      if (state === stateOf.stored && handled === 0) this.#violate(id, "was stored and never handled");
      if (state === stateOf.unknown && handled > 0) tally.unknownHandled++;
      if (handled > 0) tally.handled++;
      tally.doubled += Math.max(0, handled - 1);
      tally.unconfirmed += this.#unconfirmed[id]!;
      const excess = handled - 1 - this.#unconfirmed[id]!;
      if (excess <= 0) continue;
      const queue = this.#queues[this.#queueOf[id]!]!;
      const allowed = unnamed.get(queue) ?? 0;
      unnamed.set(queue, allowed - excess);
      if (allowed < excess)
        this.#violate(id, `was handled ${handled} times, unconfirmed ${this.#unconfirmed[id]}`);
    }
    return tally;
  }

  #idIn(queue: string, data: Buffer): number | undefined {
    const head = data.toString("latin1", 0, headSize);
    const id = Number.parseInt(head, 10);
    const isWhole = id < this.#length && data.equals(Buffer.alloc(data.length, `${id} `.padStart(headSize)));
    if (isWhole && this.#queues[this.#queueOf[id]!] === queue) return id;
    this.#tell(`${queue} gave what nobody has put there: ${JSON.stringify(head)} (${data.length} bytes)`);
    return undefined;
  }

  #violate(id: number, text: string): void {
    this.#tell(`item ${id} of ${this.#queues[this.#queueOf[id]!]} ${text}`);
  }

  #tell(text: string): void {
    if (this.violations.length < 50) this.violations.push(text);
  }

  #grow(): void {
    const larger = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
      const copy = new Uint8Array(bytes.length * 2);
      copy.set(bytes);
      return copy;
    };
    this.#states = larger(this.#states);
    this.#queueOf = larger(this.#queueOf);
    this.#handled = larger(this.#handled);
    this.#unconfirmed = larger(this.#unconfirmed);
  }
}
