/** The words of one line, read where they lie: no strings are made, nothing is copied. */

const space = 0x20;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const minus = 0x2d;
const zero = 0x30;
/** Letters differ by it from their capitals. */
const caseBit = 0x20;
/** More digits than this are no number of ours. */
const digitsMax = 15;

/** Offset of the next line feed in `input[at, end)`; -1 when there is none. */
export function findLineFeed(input: Buffer, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    if (input[i] === lineFeed) return i;
  }
  return -1;
}

/** Where the line `input[at, feed]` ends without CR LF or a bare LF. */
export function findLineEnd(input: Buffer, at: number, feed: number): number {
  return feed > at && input[feed - 1] === carriageReturn ? feed - 1 : feed;
}

/** Size of the line end at `input[at, end)`: 2, or 1 for a bare LF; 0 when there is none, or not all of it. */
export function lineEndSize(input: Buffer, at: number, end: number): number {
  if (at < end && input[at] === lineFeed) return 1;
  return at + 1 < end && input[at] === carriageReturn && input[at + 1] === lineFeed ? 2 : 0;
}

/** Goes from word to word of a line; words are separated by one space or more. */
export class Words {
  #input: Buffer = Buffer.alloc(0);
  #lineEnd = 0;
  /** The word at hand is `[start, end)` of the input; empty before the first and behind the last. */
  start = 0;
  end = 0;

  begin(input: Buffer, at: number, lineEnd: number): void {
    this.#input = input;
    this.#lineEnd = lineEnd;
    this.start = at;
    this.end = at;
  }

  /** False: there are no more. */
  next(): boolean {
    const input = this.#input;
    const lineEnd = this.#lineEnd;
    let at = this.end;
    while (at < lineEnd && input[at] === space) at++;
    this.start = at;
    while (at < lineEnd && input[at] !== space) at++;
    this.end = at;
    return at > this.start;
  }

  /** The word at hand as a whole number, possibly negative; NaN when it is none. */
  number(): number {
    const input = this.#input;
    const isNegative = input[this.start] === minus && this.end > this.start;
    const first = isNegative ? this.start + 1 : this.start;
    if (first === this.end || this.end - first > digitsMax) return Number.NaN;
    let value = 0;
    for (let i = first; i < this.end; i++) {
      const digit = input[i]! - zero;
      if (digit < 0 || digit > 9) return Number.NaN;
      value = value * 10 + digit;
    }
    return isNegative ? -value : value;
  }

  /** Whether the word at hand is this one, which is given in lower case letters. */
  is(word: string): boolean {
    if (this.end - this.start !== word.length) return false;
    for (let i = 0; i < word.length; i++) {
      if ((this.#input[this.start + i]! | caseBit) !== word.charCodeAt(i)) return false;
    }
    return true;
  }
}
