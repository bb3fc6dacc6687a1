/**
 * The soak for as long as one likes.
 *
 *     soak [--minutes N] [--seed S]      60 minutes unless given; S repeats an earlier run's choices
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "60" }, seed: { type: "string" } },
});
const ms = Number(values.minutes) * 60_000;
if (!(ms > 0)) throw new Error(`--minutes wants a number above 0, not "${values.minutes}"`);
const seed = values.seed === undefined ? {} : { KESTREL_SOAK_SEED: values.seed };
const { status } = spawnSync("node_modules/.bin/vitest", ["run", "test/soak"], {
  cwd: fileURLToPath(new URL("../../..", import.meta.url)),
  stdio: "inherit",
  env: { ...process.env, ...seed, KESTREL_SOAK_MS: String(ms) },
});
process.exitCode = status ?? 1;
