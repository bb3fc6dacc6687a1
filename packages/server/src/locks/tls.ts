/** Certificates and keys out of files, looked at before anything is done with them, so that what is wrong is told. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { type DoorName, doorNames, type TlsFiles, type TlsSettings } from "./lock-settings.ts";

/** What a listening socket needs. */
export interface TlsOptions extends SecureContextOptions {
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  /** When the certificate ends, in ms since the epoch. */
  readonly validToMs: number;
}

/** Those of the ports that have TLS. */
export type TlsDoors = Readonly<Partial<Record<DoorName, TlsOptions>>>;

/** Rejects with an Error that says which file of which port can't be used, and why. */
export async function readTls(settings: TlsSettings): Promise<TlsDoors> {
  const doors: Partial<Record<DoorName, TlsOptions>> = {};
  for (const door of doorNames) {
    const files = settings[door];
    if (files === null) continue;
    try {
      doors[door] = await readFiles(files);
    } catch (cause) {
      throw new Error(`TLS of ${door}: ${(cause as Error).message}`, { cause });
    }
  }
  return doors;
}

async function readFiles({
  cert: certPath,
  key: keyPath,
  ca: caPath,
  clientCert,
}: TlsFiles): Promise<TlsOptions> {
  const cert = await readPem(certPath);
  const key = await readPem(keyPath);
  const ca = caPath === null ? null : await readPem(caPath);
  const options = {
    cert,
    key,
    ...(ca === null ? {} : { ca }),
    requestCert: clientCert,
    rejectUnauthorized: clientCert,
  };
  const validToMs = Date.parse(readCertificate(cert, certPath).validTo);
  if (ca !== null) readCertificate(ca, caPath!);
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new Error(`${certPath} and ${keyPath} can't be used: ${(cause as Error).message}`, { cause });
  }
  return { ...options, validToMs };
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new Error(`cannot read ${path}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}

/** The first one in a file. */
function readCertificate(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error(`${path} is no certificate in PEM: ${(cause as Error).message}`, { cause });
  }
}
