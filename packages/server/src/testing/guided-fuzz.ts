/**
 * Fuzzing that is guided by what it reaches: inputs are mutated, and those that run a block of our source that none
 * before them has run are kept, to be mutated in their turn. Runs in this process, with no sockets. An input that
 * fails is made smaller and told in hex, to be kept among the seeds.
 */
import { BlockCoverage } from "./block-coverage.ts";
import { Dice, mutate } from "./mutations.ts";

export interface FuzzTarget {
  readonly name: string;
  /** Run first, each of them: an input that has failed once belongs here. */
  readonly seeds: readonly Buffer[];
  /** Put into inputs here and there. */
  readonly words: readonly Buffer[];
  /** Rejects when what must hold does not. Depends on nothing but the input. */
  run(input: Buffer): Promise<void>;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly ms: number;
  /** Ends it sooner. */
  readonly inputsMax?: number;
  /** For comparison: false keeps nothing. */
  readonly isGuided?: boolean;
  readonly coverage?: BlockCoverage;
}

export interface FuzzFigures {
  readonly inputs: number;
  readonly kept: number;
  readonly blocks: { readonly reached: number; readonly known: number };
}

const { KESTREL_GUIDED_MS, KESTREL_GUIDED_SEED } = process.env;
export const guidedMs: number = Number(KESTREL_GUIDED_MS ?? 2_000);
/** Brief runs make the same choices every time. */
const usualSeed = KESTREL_GUIDED_MS === undefined ? 1 : Math.floor(Math.random() * 2 ** 32);

/** To ask for coverage takes as long as many inputs do, so it is asked for once for so many. */
const batchLength = 24;
/** Of the inputs kept last, half of all mutants are made. */
const recentLength = 16;
const shrinksMax = 500;
const shrinkMsMax = 20_000;
/** There to find what never comes to an end, not to measure. */
const runMsMax = 10_000;

/** Runs inputs for KESTREL_GUIDED_MS, a few seconds unless it is given, and prints the seed and the figures. */
export async function fuzzAnnounced(target: FuzzTarget): Promise<void> {
  const seed = Number(KESTREL_GUIDED_SEED ?? usualSeed);
  console.log(`KESTREL_GUIDED_SEED=${seed} repeats this run's choices`);
  const { inputs, kept, blocks } = await fuzz(target, { seed, ms: guidedMs });
  const reached = `${blocks.reached.toLocaleString("en")} of ${blocks.known.toLocaleString("en")} blocks reached`;
  console.log(`${target.name}: ${inputs.toLocaleString("en")} inputs, ${kept} kept, ${reached}: no fault`);
}

/** Runs inputs for so long. Rejects at the first that fails, with what it was. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzFigures> {
  const { seed, ms, inputsMax = Number.POSITIVE_INFINITY, isGuided = true } = options;
  const dice = new Dice(seed);
  const coverage = options.coverage ?? new BlockCoverage();
  using _ = options.coverage === undefined ? coverage : null;
  const kept = [...target.seeds];
  for (const input of kept) await runInput(target, input, dice);
  coverage.takeNew();
  let inputs = kept.length;
  for (const endsAt = performance.now() + ms; performance.now() < endsAt && inputs < inputsMax; ) {
    const batch = Array.from({ length: batchLength }, () => {
      const recent = Math.max(0, kept.length - recentLength);
      const from = dice.below(2) === 0 ? recent : 0;
      return mutate(kept[from + dice.below(kept.length - from)]!, dice.pick(kept), target.words, dice);
    });
    for (const input of batch) await runInput(target, input, dice);
    inputs += batch.length;
    // Which of them it was is seen when they are run again, each by itself.
    if (!coverage.seesNew()) continue;
    for (const input of batch) {
      await runInput(target, input, dice);
      if (coverage.takeNew() && isGuided) kept.push(input);
    }
  }
  return { inputs, kept: kept.length - target.seeds.length, blocks: coverage.blocks };
}

async function runInput(target: FuzzTarget, input: Buffer, dice: Dice): Promise<void> {
  const failure = await failureOf(target, input);
  if (failure === null) return;
  const small = await shrink(target, input, dice);
  const text = `${target.name}: ${failure.message}\ninput: ${small.toString("hex")}\n${JSON.stringify(small.toString("latin1"))}`;
  throw new Error(text, { cause: failure });
}

async function failureOf(target: FuzzTarget, input: Buffer): Promise<Error | null> {
  let timer: NodeJS.Timeout | undefined;
  const hanging = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("does not come to an end")), runMsMax);
  });
  try {
    await Promise.race([target.run(Buffer.from(input)), hanging]);
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    clearTimeout(timer);
  }
}

/** Pieces are left out for as long as it still fails, whatever with. */
async function shrink(target: FuzzTarget, input: Buffer, dice: Dice): Promise<Buffer> {
  let small = input;
  const endsAt = performance.now() + shrinkMsMax;
  for (let tries = 0; tries < shrinksMax && small.length > 1 && performance.now() < endsAt; tries++) {
    const from = dice.below(small.length);
    const size = 1 + dice.below(Math.max(1, small.length >> dice.below(8)));
    const smaller = Buffer.concat([small.subarray(0, from), small.subarray(from + size)]);
    if ((await failureOf(target, smaller)) !== null) small = smaller;
  }
  return small;
}
