/**
 * The items of one put as they arrive: one a line, up to an empty line. Bounded in number and size; beyond that the
 * lines are still read, and forgotten, so that what comes behind them is understood.
 */

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

export interface ItemLinesOptions {
  /** The lines end in CR LF. Otherwise a CR in front of a line feed belongs to the item. */
  readonly isCrLf: boolean;
  readonly lengthMax: number;
  /** All items together. */
  readonly bytesMax: number;
  /** Accounts for what is kept in all; false: the server has no memory for it. */
  readonly keepBytes: (bytes: number) => boolean;
}

export class ItemLines {
  readonly #options: ItemLinesOptions;
  /** The item of index i is `bytes[bounds[2 * i], bounds[2 * i + 1])`. */
  readonly bounds: number[] = [];
  length = 0;
  bytes: Buffer = Buffer.alloc(0);
  /** Why these items can't be taken; null: they can. */
  refusal: string | null = null;
  #size = 0;
  /** Of the line at hand. */
  #lineSize = 0;
  #endsInCr = false;

  constructor(options: ItemLinesOptions) {
    this.#options = options;
  }

  /** Reads on. Returns the offset behind the empty line; -1 when it has not come yet, and all input is read. */
  read(input: Buffer, at: number, end: number): number {
    const view = input.subarray(at, end);
    for (let from = 0; ; ) {
      const feed = view.indexOf(lineFeed, from);
      this.#append(view, from, feed < 0 ? view.length : feed);
      if (feed < 0) return -1;
      from = feed + 1;
      if (this.#isLineEmpty) return at + from;
      this.#endLine();
    }
  }

  #append(view: Buffer, start: number, stop: number): void {
    if (start === stop) return;
    this.#lineSize += stop - start;
    this.#endsInCr = view[stop - 1] === carriageReturn;
    if (this.refusal !== null || !this.#makeRoom(stop - start, view.length - start)) return;
    view.copy(this.bytes, this.#size, start, stop);
    this.#size += stop - start;
  }

  /** `expected`: as much may come at once. */
  #makeRoom(size: number, expected: number): boolean {
    const { bytesMax, keepBytes } = this.#options;
    const needed = this.#size + size;
    if (needed > bytesMax) return this.#refuse(`Too many bytes; limit=${bytesMax}`);
    if (needed <= this.bytes.length) return true;
    const capacity = Math.min(bytesMax, Math.max(this.#size + expected, this.bytes.length * 2));
    if (!keepBytes(capacity)) return this.#refuse("Out of memory.");
    const grown = Buffer.allocUnsafe(capacity);
    this.bytes.copy(grown, 0, 0, this.#size);
    this.bytes = grown;
    return true;
  }

  #refuse(why: string): false {
    this.refusal = why;
    this.bytes = Buffer.alloc(0);
    this.#options.keepBytes(0);
    return false;
  }

  get #isLineEmpty(): boolean {
    return this.#lineSize === 0 || (this.#lineSize === 1 && this.#endsInCr);
  }

  #endLine(): void {
    const { isCrLf, lengthMax } = this.#options;
    if (this.refusal === null && this.length === lengthMax)
      this.#refuse(`Too many items; limit=${lengthMax}`);
    if (this.refusal === null) {
      this.bounds.push(this.#size - this.#lineSize, this.#size - (isCrLf && this.#endsInCr ? 1 : 0));
      this.length++;
    }
    this.#lineSize = 0;
    this.#endsInCr = false;
  }
}
