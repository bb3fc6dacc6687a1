/**
 * A certificate for localhost and 127.0.0.1 that is its own authority, in a folder of its own with its key. OpenSSL makes
 * it: `hasOpenssl` says whether it is there, and whoever leaves something out because of it says that.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TempFolder } from "./temp-folder.ts";

export const hasOpenssl: boolean = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.warn("left out: openssl is not installed");

export class Certificate implements AsyncDisposable {
  readonly #folder: TempFolder;
  /** The certificate and its key, in PEM. */
  readonly cert: Buffer;
  readonly key: Buffer;

  private constructor(folder: TempFolder) {
    this.#folder = folder;
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const files = ["-keyout", this.keyPath, "-out", this.certPath];
    execFileSync("openssl", ["req", "-x509", ...curve, ...files, "-days", "2", ...name], { stdio: "ignore" });
    this.cert = readFileSync(this.certPath);
    this.key = readFileSync(this.keyPath);
  }

  static async create(): Promise<Certificate> {
    return new Certificate(await TempFolder.create());
  }

  get certPath(): string {
    return this.path("cert.pem");
  }

  get keyPath(): string {
    return this.path("key.pem");
  }

  /** Of a file in its folder. */
  path(name: string): string {
    return join(this.#folder.path, name);
  }

  /**
   * The flags of a node that shows this certificate at all its ports, and, `wantsOurs`, lets nobody in without it.
   * What `settings` has goes into the same file.
   */
  nodeFlags({ wantsOurs = false, settings = {} }: { wantsOurs?: boolean; settings?: object } = {}): string[] {
    const files = { cert: this.certPath, key: this.keyPath };
    const all = wantsOurs ? { ...files, ca: this.certPath, clientCert: true } : files;
    const config = this.path(wantsOurs ? "closed.json" : "open.json");
    writeFileSync(config, JSON.stringify({ ...settings, tls: { all } }));
    return ["--config", config];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder[Symbol.asyncDispose]();
  }
}
