/**
 * The fuzzers for as long as one likes: strangers at every port of a real node, then spoilt spool folders.
 *
 *     fuzz [--seconds N] [--seed S]      N for each of the two, 60 unless given; S repeats an earlier run's choices
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, seed: { type: "string" } },
});
const ms = Number(values.seconds) * 1000;
if (!(ms > 0)) throw new Error(`--seconds wants a number above 0, not "${values.seconds}"`);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const { seed } = values;
const seeds = seed === undefined ? {} : { KESTREL_DOORS_SEED: seed, KESTREL_JOURNAL_SEED: seed };
const { status } = spawnSync(
  "node_modules/.bin/vitest",
  ["run", "--fileParallelism=false", "test/hostile-doors.test.ts", "test/fuzz"],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...seeds, KESTREL_FUZZ_MS: String(ms), KESTREL_JOURNAL_FUZZ_MS: String(ms) },
  },
);
process.exitCode = status ?? 1;
