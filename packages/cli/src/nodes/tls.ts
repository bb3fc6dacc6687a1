/**
 * Whether kq encrypts what it says to nodes, and whom it trusts. Asked for in any way, it is TLS or nothing: what can't be
 * read, or makes no sense, ends kq before it has connected to anybody.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { TlsOptions } from "@kestrel-mq/client";
import { UsageError } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";
import { findSecret } from "./secret.ts";

/** Options of every command that talks to nodes. */
export const tlsFlags = {
  tls: {
    type: "boolean",
    group: "Cluster:",
    describe: "Speak TLS, only with nodes whose certificate holds [KESTREL_TLS=1]",
  },
  "tls-ca": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "A file of authorities to trust, in PEM; means --tls [KESTREL_TLS_CA, else the system's]",
  },
  "tls-cert": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "A file with kq's own certificate, for nodes that want one; means --tls [KESTREL_TLS_CERT]",
  },
  "tls-key": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe: "A file with its key [KESTREL_TLS_KEY]",
  },
  "tls-passphrase-file": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe:
      "A file with the key's passphrase [KESTREL_TLS_PASSPHRASE_FILE, else KESTREL_TLS_PASSPHRASE is the passphrase]",
  },
  "tls-name": {
    type: "string",
    group: "Cluster:",
    requiresArg: true,
    describe:
      "The name that nodes' certificates must be for; means --tls [KESTREL_TLS_NAME, else the node's]",
  },
} as const;

/** The parsed values of `tlsFlags`. */
export interface TlsArguments {
  tls?: boolean | undefined;
  tlsCa?: string | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  tlsPassphraseFile?: string | undefined;
  tlsName?: string | undefined;
}

/** What is to be read, each by the name under which it was asked for. */
interface Wanted {
  /** Where it was said, for errors. */
  readonly origin: string;
  readonly value: string;
}

/** Undefined when nobody asked for TLS. Throws UsageError. */
export async function findTls(
  args: TlsArguments,
  surroundings: Pick<Surroundings, "env">,
): Promise<TlsOptions | undefined> {
  const { env } = surroundings;
  const find = (flag: string, value: string | undefined, variable?: string): Wanted | undefined => {
    if (value === "") throw new UsageError(`${flag} is empty`);
    if (value !== undefined) return { origin: flag, value };
    if (variable === undefined) return undefined;
    const text = env[variable] ?? "";
    return text === "" ? undefined : { origin: variable, value: text };
  };
  const ca = find("--tls-ca", args.tlsCa, "KESTREL_TLS_CA");
  const cert = find("--tls-cert", args.tlsCert, "KESTREL_TLS_CERT");
  const key = find("--tls-key", args.tlsKey, "KESTREL_TLS_KEY");
  const name = find("--tls-name", args.tlsName, "KESTREL_TLS_NAME");
  const passphraseFile = find("--tls-passphrase-file", args.tlsPassphraseFile);
  const wanted = [ca, cert, key, name, passphraseFile].filter((each) => each !== undefined);
  if (!isWanted(args.tls, wanted, env.KESTREL_TLS)) return undefined;
  if (passphraseFile !== undefined && key === undefined)
    throw new UsageError("--tls-passphrase-file needs a key: --tls-key, or KESTREL_TLS_KEY");
  const passphrasePlaces = {
    name: "passphrase",
    path: passphraseFile?.value,
    variable: "KESTREL_TLS_PASSPHRASE",
  };
  const passphrase = key && (await findSecret(passphrasePlaces, surroundings));
  const authorities = ca && (await readPem(ca));
  if (authorities !== undefined) parseCertificate(authorities, ca!);
  return {
    ...(authorities !== undefined && { ca: authorities }),
    ...(await readOwn(cert, key, passphrase)),
    ...(name !== undefined && { servername: name.value }),
  };
}

/** The command line before the environment, and a plain word before what a file or a name implies. */
function isWanted(flag: boolean | undefined, wanted: readonly Wanted[], variable = ""): boolean {
  const isNamed = wanted.some(({ origin }) => origin.startsWith("--"));
  if (flag === false && isNamed) throw new UsageError(`--tls=false, and ${wanted[0]!.origin} all the same`);
  if (flag !== undefined || isNamed) return flag ?? true;
  if (["1", "true"].includes(variable)) return true;
  if (["0", "false"].includes(variable)) return false;
  if (variable !== "") throw new UsageError(`KESTREL_TLS is 1 or 0, not "${variable}"`);
  return wanted.length > 0;
}

async function readOwn(
  cert: Wanted | undefined,
  key: Wanted | undefined,
  passphrase: string | undefined,
): Promise<Pick<TlsOptions, "cert" | "key" | "passphrase"> | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (key === undefined) throw new UsageError(`${cert!.origin} needs its key: --tls-key, or KESTREL_TLS_KEY`);
  if (cert === undefined)
    throw new UsageError(`${key.origin} needs its certificate: --tls-cert, or KESTREL_TLS_CERT`);
  const [certPem, keyPem] = await Promise.all([readPem(cert), readPem(key)]);
  if (!parseCertificate(certPem, cert).checkPrivateKey(parseKey(keyPem, key, passphrase)))
    throw new UsageError(`${key.value} (${key.origin}) is not the key of ${cert.value} (${cert.origin})`);
  return { cert: certPem, key: keyPem, ...(passphrase !== undefined && { passphrase }) };
}

async function readPem({ origin, value }: Wanted): Promise<string> {
  return await readFile(value, "utf8").catch((error: Error) => {
    throw new UsageError(`cannot read ${origin}: ${error.message}`);
  });
}

function parseCertificate(pem: string, { origin, value }: Wanted): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new UsageError(`${value} (${origin}) holds no certificate in PEM`);
  }
}

function parseKey(pem: string, { origin, value }: Wanted, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, ...(passphrase !== undefined && { passphrase }) });
  } catch {
    throw new UsageError(`${value} (${origin}) ${keyFault(pem, passphrase)}`);
  }
}

function keyFault(pem: string, passphrase: string | undefined): string {
  if (!pem.includes("ENCRYPTED")) return "holds no key in PEM";
  if (passphrase !== undefined) return "can't be opened with that passphrase";
  return "has a passphrase: --tls-passphrase-file, KESTREL_TLS_PASSPHRASE_FILE or KESTREL_TLS_PASSPHRASE";
}
