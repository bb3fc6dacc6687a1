import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "./load-settings.ts";
import { SettingsError } from "./schema.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kestrel-settings-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

async function problemsOf(path: string): Promise<readonly string[]> {
  const error = await loadSettings(path).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(SettingsError);
  expect((error as SettingsError).message).toContain(path);
  return (error as SettingsError).problems;
}

test("JSON, whatever the file is called", async () => {
  const text = '\uFEFF{ "default": { "maxItems": 7 } }';
  for (const name of ["kestrel.json", "kestrel.conf", "kestrel"]) {
    const { queues } = await loadSettings(await file(name, text));
    expect(queues.settingsFor("q").maxItems).toBe(7);
  }
});

test("an ES module", async () => {
  for (const name of ["kestrel.mjs", "kestrel.js"]) {
    const path = await file(name, "export default { default: { maxItems: 3 + 4 } };");
    expect((await loadSettings(path)).queues.settingsFor("q").maxItems).toBe(7);
  }
});

test("an ES module is read anew each time", async () => {
  const path = await file("kestrel.mjs", "export default { maxOpenTransactions: 1 };");
  expect((await loadSettings(path)).server.maxOpenTransactions).toBe(1);
  await file("kestrel.mjs", "export default { maxOpenTransactions: 2 };");
  expect((await loadSettings(path)).server.maxOpenTransactions).toBe(2);
});

test("a file that isn't there", async () => {
  for (const name of ["none.json", "none.mjs"]) {
    expect(await problemsOf(join(folder, name))).toEqual([expect.stringContaining("ENOENT")]);
  }
});

test("JSON that is none: the place is told as line and column", async () => {
  const path = await file("kestrel.json", '{\n  "default": {\n    "maxItems": 7,\n  }\n}\n');
  expect(await problemsOf(path)).toEqual([expect.stringMatching(/^is no JSON: .*\(line 4, column 3\)$/)]);
});

test("a module that throws", async () => {
  const path = await file("kestrel.mjs", 'throw new Error("no such host");');
  expect(await problemsOf(path)).toEqual(["no such host"]);
});

/** vitest loads modules in a manner of its own; these cases are about Node's, so they run the built file. */
describe("loaded by Node itself", () => {
  const built = new URL("../../dist/settings/load-settings.js", import.meta.url).href;
  const script = `import(${JSON.stringify(built)})
    .then(({ loadSettings }) => loadSettings(process.argv[1]))
    .then((settings) => console.log(settings.server.maxOpenTransactions), (error) => console.log(error.message))`;

  async function outputFor(path: string): Promise<string> {
    return (await promisify(execFile)(process.execPath, ["-e", script, path])).stdout.trim();
  }

  test("a path that has to be escaped in an address", async () => {
    const path = await file("a b#c?d%.mjs", "export default { maxOpenTransactions: 7 };");
    expect(await outputFor(path)).toBe("7");
  });

  test("a slip of the fingers is told with its line", async () => {
    const path = await file("kestrel.mjs", "export default {\n  default: {;\n}\n");
    expect(await outputFor(path)).toBe(`${path}: Unexpected token ';' (line 2)`);
  });

  test("a .js file without a package.json may be an ES module", async () => {
    const path = await file("kestrel.js", "export default { maxOpenTransactions: 8 };");
    expect(await outputFor(path)).toBe("8");
  });
});

test("a module without a default export", async () => {
  const path = await file("kestrel.mjs", "export const config = {};");
  expect(await problemsOf(path)).toEqual([expect.stringContaining("default export")]);
});

test("settings that can't be", async () => {
  const path = await file("kestrel.json", '{ "queues": [{ "name": "a", "maxItems": "many" }], "colour": 1 }');
  expect(await problemsOf(path)).toEqual([
    'queues[0].maxItems: expected a whole number of items, got "many"',
    "colour: no such setting",
  ]);
});
