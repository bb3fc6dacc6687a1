/**
 * Who kq says that it is, to nodes that have users. A password comes from a file or from the environment, never from
 * the command line, which everybody on the machine can read.
 */
import { readFile } from "node:fs/promises";
import type { ClusterOptions } from "@kestrel-mq/client";
import { UsageError } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";

export type Credentials = NonNullable<ClusterOptions["credentials"]>;

/** Options of every command that talks to nodes. */
export const credentialsFlags = {
  user: {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "Who to be, to nodes that have users [KESTREL_USER]",
  },
  "password-file": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe:
      "A file with the user's password [KESTREL_PASSWORD_FILE, else KESTREL_PASSWORD is the password]",
  },
} as const;

export interface CredentialsArguments {
  user?: string | undefined;
  passwordFile?: string | undefined;
}

/** Undefined when no user is named. Throws UsageError. */
export async function findCredentials(
  { user, passwordFile }: CredentialsArguments,
  { env }: Pick<Surroundings, "env">,
): Promise<Credentials | undefined> {
  const username = user ?? env.KESTREL_USER ?? "";
  if (username === "") {
    if (passwordFile === undefined) return undefined;
    throw new UsageError("--password-file needs a user: --user, or KESTREL_USER");
  }
  if (/\s/.test(username)) throw new UsageError("a user's name has no white space");
  const path = passwordFile ?? (notEmpty(env.KESTREL_PASSWORD) ? undefined : env.KESTREL_PASSWORD_FILE);
  const password = notEmpty(path) ? await readPassword(path) : env.KESTREL_PASSWORD;
  if (notEmpty(password)) return { username, password };
  throw new UsageError(
    `${username} needs a password: --password-file, KESTREL_PASSWORD_FILE or KESTREL_PASSWORD`,
  );
}

function notEmpty(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

/** The file without the line feed that editors put at its end. */
async function readPassword(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: Error) => {
    throw new UsageError(`cannot read the password: ${error.message}`);
  });
  const password = text.replace(/\r?\n$/, "");
  if (password === "" || /[\r\n\0]/.test(password))
    throw new UsageError(`${path} is not one line with a password`);
  return password;
}
