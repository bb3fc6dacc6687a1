/**
 * Inputs made of other inputs: bits and numbers changed, words put in, pieces left out, doubled, moved, or taken from
 * another. All choices come from one seed.
 */
import { type Chance, chanceOf } from "./chance.ts";

/** Choices from one seed. */
export class Dice {
  readonly #chance: Chance;

  constructor(seed: number) {
    this.#chance = chanceOf(seed);
  }

  /** 0 or more, below `end`. */
  below(end: number): number {
    return Math.floor(this.#chance() * end);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const sizeMax = 4096;
/** Where sizes, counts and signs turn over. */
const edges = [
  0,
  1,
  2,
  16,
  32,
  64,
  100,
  127,
  128,
  255,
  256,
  1000,
  1024,
  4096,
  32767,
  32768,
  65535,
  65536,
  2 ** 31,
];

type Mutation = (bytes: Buffer, dice: Dice, other: Buffer, words: readonly Buffer[]) => Buffer;

/** A piece of `bytes`, small ones more often than large ones. */
function pieceOf(bytes: Buffer, dice: Dice): [from: number, to: number] {
  const from = dice.below(bytes.length);
  const size = 1 + dice.below(2 ** (1 + dice.below(8)));
  return [from, Math.min(bytes.length, from + size)];
}

function spliced(bytes: Buffer, from: number, to: number, between: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
}

const mutations: readonly Mutation[] = [
  (bytes, dice) => {
    if (bytes.length > 0) bytes[dice.below(bytes.length)]! ^= 1 << dice.below(8);
    return bytes;
  },
  (bytes, dice) => {
    if (bytes.length > 0) bytes[dice.below(bytes.length)] = dice.below(256);
    return bytes;
  },
  (bytes, dice) => {
    const size = dice.pick([1, 2, 4]);
    if (bytes.length < size) return bytes;
    const at = dice.below(bytes.length - size + 1);
    const value = dice.pick(edges) - dice.below(2);
    const wrapped = ((value % 2 ** (8 * size)) + 2 ** (8 * size)) % 2 ** (8 * size);
    if (dice.below(2) === 0) bytes.writeUIntBE(wrapped, at, size);
    else bytes.writeUIntLE(wrapped, at, size);
    return bytes;
  },
  (bytes, dice) => {
    const at = dice.below(bytes.length + 1);
    const [digit = ""] = /^[0-9]+/.exec(bytes.toString("latin1", at, at + 10)) ?? [];
    return spliced(bytes, at, at + digit.length, Buffer.from(String(dice.pick(edges) - dice.below(3))));
  },
  (bytes, dice, _, words) => {
    const at = dice.below(bytes.length + 1);
    const [from, to] = dice.below(2) === 0 ? [at, at] : pieceOf(bytes, dice);
    return spliced(bytes, from, to, dice.pick(words));
  },
  (bytes, dice) => spliced(bytes, ...pieceOf(bytes, dice), Buffer.alloc(0)),
  (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1)),
  (bytes, dice) => {
    const at = dice.below(bytes.length + 1);
    return spliced(bytes, at, at, bytes.subarray(...pieceOf(bytes, dice)));
  },
  (bytes, dice, other) => {
    const at = dice.below(bytes.length + 1);
    return spliced(bytes, at, at, other.subarray(...pieceOf(other, dice)));
  },
  (bytes, dice, other) =>
    Buffer.concat([
      bytes.subarray(0, dice.below(bytes.length + 1)),
      other.subarray(dice.below(other.length)),
    ]),
];

/** A new input of one to eight mutations, of at most 4096 bytes. `words`: what the reader of such inputs knows. */
export function mutate(bytes: Buffer, other: Buffer, words: readonly Buffer[], dice: Dice): Buffer {
  let mutant: Buffer = Buffer.from(bytes);
  for (let left = 2 ** dice.below(4); left > 0; left--)
    mutant = dice.pick(mutations)(mutant, dice, other, words);
  return mutant.length > sizeMax ? mutant.subarray(0, sizeMax) : mutant;
}
