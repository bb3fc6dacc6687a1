/** The client's TLS over thrift, against the real program. Left out, and this is said, without OpenSSL. */

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KestrelClientError, KestrelClusterClient, type TlsOptions } from "@kestrel-mq/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.warn("left out: openssl is not installed");

describe.runIf(hasOpenssl)("over TLS", () => {
  let folder: TempFolder;
  let node: KestrelNode;
  let ca: Buffer;

  beforeAll(async () => {
    folder = await TempFolder.create();
    const [cert, key, config] = ["cert.pem", "key.pem", "kestrel.json"].map((name) =>
      join(folder.path, name),
    ) as [string, string, string];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync("openssl", ["req", "-x509", ...curve, "-keyout", key, "-out", cert, "-days", "2", ...name], {
      stdio: "ignore",
    });
    // It is its own authority, and asks its clients for a certificate of it.
    const tls = { thrift: { cert, key, ca: cert, clientCert: true } };
    writeFileSync(config, JSON.stringify({ tls }));
    ca = readFileSync(cert);
    node = await KestrelNode.start({ speaksThrift: true, flags: ["--config", config] });
  });

  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const create = (tls: TlsOptions | true | undefined): KestrelClusterClient =>
    new KestrelClusterClient({
      servers: [node.thriftAddress],
      transport: "thrift",
      // The node may have a lot to do beside this test.
      connectTimeoutMs: 20_000,
      ...(tls !== undefined && { tls }),
    });

  test("whoever has a certificate puts and gets, large items as well", async () => {
    const key = readFileSync(join(folder.path, "key.pem"));
    await using client = create({ ca, cert: ca, key });
    const large = "x".repeat(1_000_000);
    expect((await client.putMany("q", ["a", large])).every(({ stored }) => stored === true)).toBe(true);
    const waiting = client.get("other", { wait: 20_000 });
    expect((await client.getMany("q", 5)).map((item) => item.text().length)).toEqual([1, 1_000_000]);
    await client.put("other", "late");
    expect((await waiting)!.text()).toBe("late");
  });

  test.each<[string, () => TlsOptions | true | undefined]>([
    ["without a certificate", () => ({ ca })],
    ["with nobody to trust", () => true],
    ["who expects another name", () => ({ ca, servername: "elsewhere.example" })],
    ["without TLS", () => undefined],
  ])("%s nobody gets in, and nothing is said to be stored", async (_name, tls) => {
    await using client = create(tls());
    const error = await client.put("q", "x").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(KestrelClientError);
    // In TLS 1.3 a client learns that its certificate was refused when it has begun to speak.
    expect(["no-node", "unknown"]).toContain((error as KestrelClientError).code);
  });
});

test("memcache has no TLS, and says so", () => {
  expect(() => new KestrelClusterClient({ servers: ["localhost"], tls: true })).toThrow(
    expect.objectContaining({ code: "bad-request" }),
  );
});
