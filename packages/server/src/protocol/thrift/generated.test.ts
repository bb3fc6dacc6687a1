/** The generated code is what the IDL says. Left out, and this is said, without the compiler that has made it. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const version = "0.17.0";
const hasCompiler = spawnSync("thrift", ["--version"], { encoding: "utf8" }).stdout?.includes(version);
if (!hasCompiler) console.warn(`left out: thrift-compiler ${version} is not installed`);

function filesIn(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .filter((entry) => entry.isFile() && entry.name !== "README.md" && !entry.name.endsWith(".pyc"))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(folder.length), readFileSync(file, "utf8")]),
  );
}

test.skipIf(!hasCompiler)("it is made anew, and is the same", () => {
  const folder = mkdtempSync(join(tmpdir(), "kestrel-thrift-"));
  try {
    execFileSync(fileURLToPath(new URL("../../../generate-thrift.sh", import.meta.url)), [folder]);
    const made = filesIn(folder);
    expect(Object.keys(made).length).toBeGreaterThan(5);
    expect(made).toEqual(filesIn(fileURLToPath(new URL("gen", import.meta.url))));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
