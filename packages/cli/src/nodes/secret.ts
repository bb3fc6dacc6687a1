/**
 * Passwords and passphrases: from a file or from the environment, never from the command line, which everybody on the
 * machine can read.
 */
import { readFile } from "node:fs/promises";
import { UsageError } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";

/** Where one may be: a file goes before `variable`, which has it itself. */
export interface SecretPlaces {
  /** What it is, for errors. */
  readonly name: string;
  /** Its file, from the command line; without one, `variable` with `_FILE` behind may name the file. */
  readonly path: string | undefined;
  readonly variable: string;
}

/** Undefined when there is none. Throws UsageError when it can't be read. */
export async function findSecret(
  { name, path, variable }: SecretPlaces,
  { env }: Pick<Surroundings, "env">,
): Promise<string | undefined> {
  const file = notEmpty(path) ?? notEmpty(env[`${variable}_FILE`]);
  return file === undefined ? notEmpty(env[variable]) : await readSecret(file, name);
}

function notEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** The file without the line feed that editors put at its end. */
async function readSecret(path: string, name: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new UsageError(`cannot read the ${name}: ${error.message}`);
  });
  const secret = text.replace(/\r?\n$/, "");
  if (secret === "" || /[\r\n\0]/.test(secret))
    throw new UsageError(`${path} is not one line with a ${name}`);
  return secret;
}
