/** Who kq says that it is, to nodes that have users. */
import type { ClusterOptions } from "@kestrel-mq/client";
import { UsageError } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";
import { findSecret } from "./secret.ts";

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
  surroundings: Pick<Surroundings, "env">,
): Promise<Credentials | undefined> {
  const username = user ?? surroundings.env.KESTREL_USER ?? "";
  if (username === "") {
    if (passwordFile === undefined) return undefined;
    throw new UsageError("--password-file needs a user: --user, or KESTREL_USER");
  }
  if (/\s/.test(username)) throw new UsageError("a user's name has no white space");
  const places = { name: "password", path: passwordFile, variable: "KESTREL_PASSWORD" };
  const password = await findSecret(places, surroundings);
  if (password !== undefined) return { username, password };
  throw new UsageError(
    `${username} needs a password: --password-file, KESTREL_PASSWORD_FILE or KESTREL_PASSWORD`,
  );
}
