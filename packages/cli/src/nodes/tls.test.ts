import { createPrivateKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Authority, hasOpenssl, type Pair } from "../../../server/src/testing/certificates.ts";
import { UsageError } from "../exit-code.ts";
import { findTls } from "./tls.ts";

const find = (args: object, env: Record<string, string> = {}) => findTls(args, { env });

it.each<[string, object, Record<string, string>, object | undefined]>([
  ["nothing: plain", {}, {}, undefined],
  ["--tls", { tls: true }, {}, {}],
  ["KESTREL_TLS=1", {}, { KESTREL_TLS: "1" }, {}],
  ["KESTREL_TLS=true", {}, { KESTREL_TLS: "true" }, {}],
  ["an empty KESTREL_TLS: plain", {}, { KESTREL_TLS: "" }, undefined],
  ["--tls against KESTREL_TLS=0", { tls: true }, { KESTREL_TLS: "0" }, {}],
  ["--tls=false against KESTREL_TLS=1: plain", { tls: false }, { KESTREL_TLS: "1" }, undefined],
  ["a name", { tlsName: "kestrel" }, {}, { servername: "kestrel" }],
  ["a name against KESTREL_TLS=0", { tlsName: "kestrel" }, { KESTREL_TLS: "0" }, { servername: "kestrel" }],
  ["a name in the environment", {}, { KESTREL_TLS_NAME: "kestrel" }, { servername: "kestrel" }],
  [
    "KESTREL_TLS=0 against what else the environment has: plain",
    {},
    { KESTREL_TLS: "0", KESTREL_TLS_CA: "/no/such" },
    undefined,
  ],
])("understands %s", async (_, args, env, tls) => {
  expect(await find(args, env)).toEqual(tls);
});

describe.skipIf(!hasOpenssl)("files", () => {
  let authority: Authority;
  let own: Pair;
  let other: Pair;
  let text: string;
  const contents = async (path: string) => await readFile(path, "utf8");

  beforeAll(async () => {
    authority = await Authority.create();
    own = await authority.issue("own");
    other = await authority.issue("other");
    text = join(authority.folder, "text");
    await writeFile(text, "no PEM\n");
  });
  afterAll(() => authority?.[Symbol.asyncDispose]());

  it("come from the command line, else from the environment", async () => {
    const ca = await contents(authority.pair.cert);
    const [cert, key] = [await contents(own.cert), await contents(own.key)];
    expect(await find({ tlsCa: authority.pair.cert })).toEqual({ ca });
    expect(await find({}, { KESTREL_TLS_CA: authority.pair.cert })).toEqual({ ca });
    expect(await find({ tlsCert: own.cert, tlsKey: own.key })).toEqual({ cert, key });
    const env = { KESTREL_TLS_CA: authority.pair.cert, KESTREL_TLS_CERT: own.cert, KESTREL_TLS_KEY: own.key };
    expect(await find({}, env)).toEqual({ ca, cert, key });
    expect(await find({ tlsCa: own.cert }, env)).toEqual({ ca: cert, cert, key });
  });

  it.each<[string, () => object, Record<string, string>, RegExp]>([
    [
      "--tls=false and a file",
      () => ({ tls: false, tlsCa: text }),
      {},
      /^--tls=false, and --tls-ca all the same$/,
    ],
    ["an empty name", () => ({ tlsName: "" }), {}, /^--tls-name is empty$/],
    ["another word", () => ({}), { KESTREL_TLS: "yes" }, /^KESTREL_TLS is 1 or 0, not "yes"$/],
    [
      "a file that isn't there",
      () => ({ tlsCa: "/no/such" }),
      {},
      /^cannot read --tls-ca: ENOENT.*\/no\/such/,
    ],
    [
      "an authority that isn't there",
      () => ({}),
      { KESTREL_TLS_CA: "/no/such" },
      /^cannot read KESTREL_TLS_CA: /,
    ],
    ["what is no certificate", () => ({ tlsCa: text }), {}, /text \(--tls-ca\) holds no certificate in PEM$/],
    [
      "a key for an authority",
      () => ({ tlsCa: own.key }),
      {},
      /own-key\.pem \(--tls-ca\) holds no certificate/,
    ],
    [
      "a certificate alone",
      () => ({ tlsCert: own.cert }),
      {},
      /^--tls-cert needs its key: --tls-key, or KEST/,
    ],
    ["a key alone", () => ({ tlsKey: own.key }), {}, /^--tls-key needs its certificate: --tls-cert, or KEST/],
    [
      "a certificate for a key",
      () => ({ tlsCert: own.cert, tlsKey: own.cert }),
      {},
      /own\.pem \(--tls-key\) holds no key in PEM$/,
    ],
    [
      "the key of another one",
      () => ({ tlsCert: own.cert, tlsKey: other.key }),
      {},
      /other-key\.pem \(--tls-key\) is not the key of .*own\.pem \(--tls-cert\)$/,
    ],
  ])("are refused: %s", async (_, args, env, message) => {
    const attempt = find(args(), env);
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow(message);
  });

  describe("with a key under a passphrase", () => {
    let tlsKey: string;
    let passphraseFile: string;

    beforeAll(async () => {
      tlsKey = join(authority.folder, "locked-key.pem");
      passphraseFile = join(authority.folder, "passphrase");
      const format = { type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "sesame" } as const;
      await writeFile(tlsKey, createPrivateKey(await contents(own.key)).export(format));
      await writeFile(passphraseFile, "sesame\n");
    });

    it("take it from a file, or from the environment", async () => {
      const files = { tlsCert: own.cert, tlsKey };
      const tls = {
        cert: await contents(own.cert),
        key: await contents(tlsKey),
        passphrase: "sesame",
      };
      const wrong = { KESTREL_TLS_PASSPHRASE: "other" };
      expect(await find({ ...files, tlsPassphraseFile: passphraseFile }, wrong)).toEqual(tls);
      expect(await find(files, { KESTREL_TLS_PASSPHRASE_FILE: passphraseFile })).toEqual(tls);
      expect(await find(files, { KESTREL_TLS_PASSPHRASE: "sesame" })).toEqual(tls);
    });

    it.each<[string, () => object, Record<string, string>, RegExp]>([
      [
        "without it",
        () => ({}),
        {},
        /locked-key\.pem \(--tls-key\) has a passphrase: --tls-passphrase-file, /,
      ],
      [
        "with a wrong one",
        () => ({}),
        { KESTREL_TLS_PASSPHRASE: "open" },
        /\(--tls-key\) can't be opened with that passphrase$/,
      ],
      [
        "with a file that isn't there",
        () => ({ tlsPassphraseFile: "/no/such" }),
        {},
        /^cannot read the passphrase: ENOENT/,
      ],
      [
        "with a file of something else",
        () => ({ tlsPassphraseFile: own.cert }),
        {},
        /own\.pem is not one line with a passphrase$/,
      ],
      [
        "with --tls=false",
        () => ({ tls: false, tlsCert: undefined, tlsKey: undefined, tlsPassphraseFile: passphraseFile }),
        {},
        /^--tls=false, and --tls-passphrase-file all the same$/,
      ],
      [
        "with a passphrase of no key",
        () => ({ tlsCert: undefined, tlsKey: undefined, tlsPassphraseFile: passphraseFile }),
        {},
        /^--tls-passphrase-file needs a key: --tls-key, or KESTREL_TLS_KEY$/,
      ],
    ])("are refused %s", async (_, args, env, message) => {
      const attempt = find({ tlsCert: own.cert, tlsKey, ...args() }, env);
      await expect(attempt).rejects.toThrow(UsageError);
      await expect(attempt).rejects.toThrow(message);
    });
  });
});
