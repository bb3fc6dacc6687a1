/** What has to be known of a run beside its figures: machine, versions, commit, and the command that repeats it. */

import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import type { RunFacts } from "./performance-page.ts";
import { canPin, loadCore, serverCore } from "./pinned-process.ts";
import { type RivalName, versionOf } from "./rivals.ts";

/** `program`: how it was called, without its flags. */
export function factsOf(program: string, against: readonly RivalName[] = []): RunFacts {
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const pinned = canPin
    ? `server on core ${serverCore}, load on core ${loadCore}`
    : "cores not pinned (no taskset)";
  const versions = against.map((name) => `${name} ${versionOf(name)}`);
  return {
    machine: `${cpus().length} × ${cpus()[0]!.model.trim()}, ${gigabytes} GB, ${pinned}`,
    versions: [`Node ${process.version}`, ...versions].join(", "),
    when: new Date().toISOString().slice(0, 10),
    commit: commit(),
    command: [program, ...process.argv.slice(2)].join(" "),
  };
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
