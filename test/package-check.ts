/**
 * Checks the packages as npm would publish them: that their entry points exist and resolve (publint), and that
 * their types do so too for whoever imports them (attw). Part of the root script `check`; not a test of vitest.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packages = ["zookeeper", "server", "client", "cli"];

const checks = packages.flatMap((name) => [
  ["publint", "run", "--strict", "--pack", "npm", `packages/${name}`],
  ["attw", "--pack", "--profile", "esm-only", `packages/${name}`],
]);

let failures = 0;
for (const [program, ...args] of checks) {
  const { status, stdout, stderr } = spawnSync(`node_modules/.bin/${program}`, args, {
    cwd: root,
    encoding: "utf8",
  });
  const isGood = status === 0;
  console.log(`${isGood ? "ok    " : "FAILED"} ${program} ${args.at(-1)}`);
  if (isGood) continue;
  failures++;
  console.error(stdout + stderr);
}
process.exitCode = failures === 0 ? 0 : 1;
