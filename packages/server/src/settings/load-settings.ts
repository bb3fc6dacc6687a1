/**
 * Reads a settings file: an ES module with a default export (`.js`, `.mjs`, `.cjs`) or, under any other name,
 * JSON. Each call reads it anew. Not read anew: what the module itself imports.
 */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { readSettings, type Settings, SettingsError } from "./schema.ts";

/** Reads and checks a file. Throws SettingsError for a file that is missing, broken, or holds what can't be. */
export async function loadSettings(path: string): Promise<Settings> {
  const isModule = [".js", ".mjs", ".cjs"].includes(extname(path));
  return readSettings(await (isModule ? readModule(path) : readJson(path)), path);
}

let reads = 0;

async function readModule(path: string): Promise<unknown> {
  const url = pathToFileURL(resolve(path));
  // Node keeps every module it has loaded, by its address: a new address each time is the way around that.
  url.searchParams.set("read", String(reads++));
  let module: { default?: unknown };
  try {
    // Node remembers a missing file too, and says less about it: ask for the file first.
    await readFile(path);
    module = (await import(url.href)) as { default?: unknown };
  } catch (error) {
    const place = error instanceof SyntaxError ? await placeInModule(path) : "";
    throw new SettingsError(path, [reasonOf(error) + place], { cause: error });
  }
  if (module.default !== undefined) return module.default;
  throw new SettingsError(path, ["has no default export; expected export default defineConfig({ … })"]);
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new SettingsError(path, [reasonOf(error)], { cause: error });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new SettingsError(path, [`is no JSON: ${reasonOf(error)}${placeInJson(error, text)}`], {
      cause: error,
    });
  }
}

/** A settings module may throw anything. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The error of an import hides where it was; `node --check` tells. Empty when it can not. */
async function placeInModule(path: string): Promise<string> {
  const { stderr } = await promisify(execFile)(process.execPath, ["--check", path]).catch(
    (error: { stderr?: string }) => ({ stderr: error.stderr ?? "" }),
  );
  const line = /:(\d+)$/m.exec(stderr)?.[1];
  return line === undefined ? "" : ` (line ${line})`;
}

/** Node tells the place of a mistake in JSON as a position; people have editors that count lines. */
function placeInJson(error: unknown, text: string): string {
  const position = /at position (\d+)/.exec(String(error))?.[1];
  if (position === undefined) return "";
  const before = text.slice(0, Number(position)).split("\n");
  return ` (line ${before.length}, column ${before.at(-1)!.length + 1})`;
}
