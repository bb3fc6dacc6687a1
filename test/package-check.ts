/**
 * Checks the packages as npm would publish them: that their entry points exist and resolve (publint), that their types
 * do so too for whoever imports them (attw), and that each brings the licence along. Part of the root script `check`; not
 * a test of vitest.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packages = ["zookeeper", "server", "client", "cli"];

const checks = packages.flatMap((name) => [
  ["publint", "run", "--strict", "--pack", "npm", `packages/${name}`],
  ["attw", "--pack", "--profile", "esm-only", `packages/${name}`],
]);

let failures = 0;
for (const [program, ...args] of checks) {
  const { status, stdout, stderr, error } = spawnSync(`node_modules/.bin/${program}`, args, {
    cwd: root,
    encoding: "utf8",
  });
  const isGood = status === 0;
  console.log(`${isGood ? "ok    " : "FAILED"} ${program} ${args.at(-1)}`);
  if (isGood) continue;
  failures++;
  console.error(error === undefined ? stdout + stderr : error.message);
}
for (const name of packages) {
  const isGood = hasLicence(join(root, "packages", name));
  console.log(`${isGood ? "ok    " : "FAILED"} LICENSE packages/${name}`);
  if (!isGood) failures++;
}
process.exitCode = failures === 0 ? 0 : 1;

/** Whether npm packs the licence of the whole, of which each package has a copy: npm takes nothing from above its folder. */
function hasLicence(folder: string): boolean {
  const { status, stdout } = spawnSync("npm", ["pack", "--dry-run", "--json"], {
    cwd: folder,
    encoding: "utf8",
  });
  if (status !== 0) return false;
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  if (!packed.files.some(({ path }) => path === "LICENSE")) return false;
  return readFileSync(join(folder, "LICENSE"), "utf8") === readFileSync(join(root, "LICENSE"), "utf8");
}
