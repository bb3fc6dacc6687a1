// How connections are to be encrypted: what users say of it, checked and made ready once for all connections.

import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { KestrelClientError } from "../errors.ts";

/** As in node:tls. Without any of them, the certificate of a node is checked against the system's authorities. */
export interface TlsOptions {
  /** Authorities in PEM, in place of the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Our own certificate in PEM, for nodes that ask for one, with those behind it that lead to its authority. */
  readonly cert?: string | Buffer;
  /** The key that belongs to `cert`, in PEM. */
  readonly key?: string | Buffer;
  /** Of the key, if it has one. */
  readonly passphrase?: string;
  /** The name that the certificate must be for. Default: the host as the node is named. */
  readonly servername?: string;
  /** False: any certificate will do. Then anybody may stand in between. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/** TlsOptions that have been found to make sense. */
export interface NodeTls {
  readonly secureContext: SecureContext;
  readonly servername: string | undefined;
  readonly rejectUnauthorized: boolean;
}

/** `true` is all defaults. Throws `bad-request`, naming the option, when one makes no sense. */
export function resolveTls(tls: TlsOptions | true): NodeTls {
  const options = tls === true ? {} : tls;
  const { ca, cert, key, passphrase, servername, rejectUnauthorized = true } = options;
  // OpenSSL takes authorities that are none without a word, and then trusts nobody.
  const authorities = ca === undefined ? undefined : [ca].flat();
  if (authorities?.length === 0) throw badOption("tls.ca is empty");
  for (const authority of authorities ?? []) checkCertificate("tls.ca", authority);
  if (cert !== undefined) checkCertificate("tls.cert", cert);
  if ((cert === undefined) !== (key === undefined)) throw badOption("tls.cert and tls.key go together");
  const secureContext = explained(cert === undefined ? "tls" : "tls.key, or tls.passphrase,", () =>
    createSecureContext({
      ...(authorities !== undefined && { ca: authorities }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(passphrase !== undefined && { passphrase }),
    }),
  );
  return { secureContext, servername, rejectUnauthorized };
}

function checkCertificate(name: string, pem: string | Buffer): void {
  if (!String(pem).includes("-----BEGIN "))
    throw badOption(`${name} must be certificates in PEM, not a path`);
  explained(name, () => new X509Certificate(pem));
}

function explained<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") throw badOption("tls.key doesn't belong to tls.cert");
    throw badOption(`${name} can't be used: ${message}`, error);
  }
}

function badOption(message: string, cause?: unknown): KestrelClientError {
  return new KestrelClientError("bad-request", message, cause === undefined ? {} : { cause });
}
