/** The guide finds its way: what no blind chance comes upon in this many inputs is reached step by step. */
import { expect, test } from "vitest";
import { BlockCoverage } from "./block-coverage.ts";
import { type FuzzOptions, type FuzzTarget, fuzz } from "./guided-fuzz.ts";

const seed = Number(process.env.KESTREL_SEED ?? 1);

/** Five bytes lead to the fault, each through a block of its own. */
function planted(bytes: Buffer): void {
  if (bytes[0] !== 0x4b) return;
  if (bytes[1] !== 0x33) return;
  if (bytes[2] !== 0x80) return;
  if (bytes[3] !== 0x07) return;
  if (bytes[4] === 0xfe) throw new Error("found");
}

const target: FuzzTarget = {
  name: "planted",
  seeds: [Buffer.from("hello, world")],
  words: [Buffer.from("x")],
  run: async (input) => planted(input),
};

async function run(options: Partial<FuzzOptions>): Promise<string> {
  using coverage = new BlockCoverage((url) => url.endsWith("guided-fuzz.test.ts"));
  try {
    const { inputs } = await fuzz(target, { seed, ms: 60_000, inputsMax: 60_000, coverage, ...options });
    return `not found in ${inputs} inputs`;
  } catch (error) {
    return (error as Error).message;
  }
}

test("guided, it finds what is behind five bytes; unguided, it doesn't", async () => {
  console.log(`KESTREL_SEED=${seed} repeats this run's choices`);
  expect(await run({})).toMatch(/^planted: found\ninput: 4b338007fe/);
  expect(await run({ isGuided: false })).toMatch(/^not found in 600\d\d inputs/);
});
