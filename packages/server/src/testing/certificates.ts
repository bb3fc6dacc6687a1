/**
 * Certificates for tests, made by OpenSSL, which has to be installed: `hasOpenssl` says so, and whoever leaves
 * something out because of it says that.
 */
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

export const hasOpenssl: boolean = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.warn("left out: openssl is not installed");

const run = promisify(execFile);

export interface Pair {
  /** Paths. */
  readonly cert: string;
  readonly key: string;
}

/** An authority of our own, in a folder that goes with it. */
export class Authority implements AsyncDisposable {
  readonly folder: string;
  readonly pair: Pair;

  private constructor(folder: string, pair: Pair) {
    this.folder = folder;
    this.pair = pair;
  }

  static async create(): Promise<Authority> {
    const folder = await mkdtemp(path.join(tmpdir(), "kestrel-tls-"));
    const pair = pairIn(folder, "authority");
    await openssl("req", "-x509", ...newKey(pair), "-subj", "/CN=our authority", "-days", "2");
    return new Authority(folder, pair);
  }

  /** PEM, for a client's `ca`. */
  read(): Promise<Buffer> {
    return readFile(this.pair.cert);
  }

  /**
   * A certificate for localhost, or others, under this name, signed by the authority; replaces one of the same name.
   * With a negative number of days it has ended.
   */
  async issue(
    name: string,
    { hosts = "DNS:localhost,IP:127.0.0.1", days = 1 }: { hosts?: string; days?: number } = {},
  ): Promise<Pair> {
    const pair = pairIn(this.folder, name);
    const request = path.join(this.folder, `${name}.csr`);
    const extensions = path.join(this.folder, `${name}.ext`);
    await writeFile(extensions, `subjectAltName=${hosts}\n`);
    await openssl("req", ...newKey({ ...pair, cert: request }), "-subj", `/CN=${name}`);
    const { cert, key } = this.pair;
    const signing = ["-CA", cert, "-CAkey", key, "-CAcreateserial", "-extfile", extensions];
    await openssl("x509", "-req", "-in", request, "-out", pair.cert, "-days", String(days), ...signing);
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

function pairIn(folder: string, name: string): Pair {
  return { cert: path.join(folder, `${name}.pem`), key: path.join(folder, `${name}-key.pem`) };
}

/** On a curve: quickly made. */
function newKey({ cert, key }: Pair): string[] {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  return [...curve, "-keyout", key, "-out", cert];
}

async function openssl(...args: string[]): Promise<void> {
  await run("openssl", args);
}
