/** kq and nodes with TLS: all commands speak it, and none falls back. Left out, and this is said, without OpenSSL. */
import { createPrivateKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { hashPassword } from "@kestrel-mq/server";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Certificate, hasOpenssl } from "../harness/certificate.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { type KqResult, runKq, startKq } from "./kq-process.ts";

describe.skipIf(!hasOpenssl)("kq", () => {
  let certificate: Certificate;
  /** With users; wants a certificate of clients. */
  let node: KestrelNode;
  let plain: KestrelNode;
  let env: Record<string, string>;

  beforeAll(async () => {
    certificate = await Certificate.create();
    const password = await hashPassword(Buffer.from("correct horse"));
    const users = [{ name: "operator", password, put: ["*"], get: ["*"], admin: true }];
    const flags = certificate.nodeFlags({ wantsOurs: true, settings: { users } });
    [node, plain] = await Promise.all([
      KestrelNode.start({ speaksThrift: true, flags: [...flags, "--text-port", "0"] }),
      KestrelNode.start({ speaksThrift: true }),
    ]);
    await writeFile(certificate.path("password"), "correct horse\n");
    env = {
      KESTREL_USER: "operator",
      KESTREL_PASSWORD_FILE: certificate.path("password"),
      KESTREL_TLS_CA: certificate.certPath,
      KESTREL_TLS_CERT: certificate.certPath,
      KESTREL_TLS_KEY: certificate.keyPath,
    };
  });
  afterAll(async () => {
    await Promise.all([node, plain].map((each) => each?.[Symbol.asyncDispose]()));
    await certificate?.[Symbol.asyncDispose]();
  });

  const kq = (line: string, changes: Record<string, string> = {}, server = node.address): Promise<KqResult> =>
    runKq(line.split(" "), { servers: [server], env: { ...env, ...changes }, input: "" });
  const none = { KESTREL_TLS_CA: "", KESTREL_TLS_CERT: "", KESTREL_TLS_KEY: "" };

  it("does everything through it", async () => {
    const files = `--tls-ca ${certificate.certPath} --tls-cert ${certificate.certPath} --tls-key ${certificate.keyPath}`;
    expect(await kq(`put work one two three --tls ${files}`, none)).toEqual({ code: 0, out: "", err: "" });
    const file = certificate.path("work.jsonl");
    const lines = [
      ["get work", "one\n"],
      ["peek work", "two\n"],
      ["queues --by-node work --json", /"items":2/],
      ["stats work", /total\titems\t2/],
      ["move work other --count 1", ""],
      [`dump work ${file}`, ""],
      [`load work ${file}`, ""],
      ["status", /UP/],
      ["config show", /maxItems/],
      ["stale 2 --every 1ms", /^other\t1\t1\nwork\t1\t/],
      ["top --rounds 1 --every 1ms", /\bwork\b/],
      ["reload", /Reloaded config/],
      ["ping", /./],
      ["version", /3\./],
      ["ring work", new RegExp(`work\t${node.address}`)],
      ["__complete get w", "work\n"],
      ["load flood -n 50", /0 lost/],
      [`load flood -n 50 -h localhost -p ${node.port}`, /0 lost/],
      ["flush work --yes", ""],
      ["delete other --yes", ""],
      [`drain ${node.address}`, ""],
      [`status ${node.address} up`, /UP/],
    ] as const;
    for (const [line, out] of lines) {
      const result = await kq(line);
      expect(result, line).toMatchObject({ code: 0 });
      expect(result.out, line).toMatch(out);
    }
    const thrift = await kq("load flood -n 50 --thrift", {}, node.thriftAddress);
    expect(thrift).toMatchObject({ code: 0, err: "" });
  });

  it("takes a large item through whole", async () => {
    const item = Buffer.alloc(3_000_000, "0123456789");
    const options = { servers: [node.address], env };
    expect((await runKq(["put", "large", "--whole"], { ...options, input: item })).code).toBe(0);
    const { code, out } = await runKq(["get", "large", "--raw"], options);
    expect([code, out.length, out === item.toString()]).toEqual([0, 3_000_000, true]);
  });

  it("cleans up through it after a tail that was killed", async () => {
    await using tail = startKq(["tail", "work"], { servers: [node.address], env });
    const isTailed = async () => (await kq("queues")).out.includes("work+kq-tail-");
    await expect.poll(isTailed, { timeout: 20_000 }).toBe(true);
    tail.child.kill("SIGKILL");
    await tail.ended;
    await expect.poll(isTailed, { timeout: 20_000 }).toBe(false);
  });

  it("opens a key that has a passphrase", async () => {
    const key = createPrivateKey(certificate.key);
    const format = { type: "pkcs8", format: "pem", cipher: "aes-128-cbc", passphrase: "sesame" } as const;
    await writeFile(certificate.path("locked-key.pem"), key.export(format));
    await writeFile(certificate.path("passphrase"), "sesame\n");
    const locked = { KESTREL_TLS_KEY: certificate.path("locked-key.pem") };
    const passphrase = `--tls-passphrase-file ${certificate.path("passphrase")}`;
    for (const line of ["ping", "put locked x", "queues", "load flood -n 5"]) {
      expect(await kq(`${line} ${passphrase}`, locked), line).toMatchObject({ code: 0 });
    }
    const { code, err } = await kq("ping", locked);
    expect([code, err]).toEqual([2, expect.stringMatching(/has a passphrase: --tls-passphrase-file/)]);
  });

  const asked = ["put work x", "queues", "load flood -n 5"];

  it.each(asked)("says of a node with TLS what to do: %s", async (line) => {
    for (const [changes, words] of [
      // The latter of a node that takes more than a second to say so: put doesn't wait for long to know who it is.
      [
        { KESTREL_TLS: "0" },
        /ended the connection .*or one with TLS \(--tls\)\?|closed before the first answer, as by a port with TLS/,
      ],
      [
        { ...none, KESTREL_TLS: "1" },
        /certificate was not accepted: self-signed.*--tls-ca says whom to trust/,
      ],
      [{ KESTREL_TLS_NAME: "elsewhere" }, /not accepted: .*elsewhere.*--tls-name says which name to expect/],
      [
        { KESTREL_TLS_CERT: "", KESTREL_TLS_KEY: "" },
        /did not accept our certificate.*--tls-cert and --tls-key/,
      ],
    ] as const) {
      const { code, err } = await kq(line, changes);
      expect([line, changes, code]).toEqual([line, changes, 1]);
      expect(err, line).toMatch(words);
    }
  });

  it.each(asked)("never falls back to plain: %s", async (line) => {
    const { code, err } = await kq(line, {}, plain.address);
    expect(code).toBe(1);
    expect(err).toMatch(/the node speaks no TLS at this port\. kq was asked for it by --tls or KESTREL_TLS/);
    expect((await plain.client().then((client) => client.lines("stats"))).join()).not.toContain("queue_work");
  });

  it("says what it has met at other ports through TLS", async () => {
    const text = await kq("ping", { KESTREL_USER: "" }, `127.0.0.1:${node.portOf("text")}`);
    expect(text.err).toMatch(/is the text port of a node/);
    expect((await kq("queues", {}, node.thriftAddress)).err).toMatch(
      /ended the connection .* Is it a thrift port \(2229\), or does it not trust our certificate/,
    );
    expect((await kq("queues", {}, plain.thriftAddress)).err).toMatch(
      /instead of agreeing on TLS: does it speak TLS at this port\?/,
    );
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["ping --tls-ca /no/such", {}, /^kq ping: cannot read --tls-ca: ENOENT/],
    ["put work x", { KESTREL_TLS: "maybe" }, /^kq put: KESTREL_TLS is 1 or 0, not "maybe"/],
    ["load flood -n 5", { KESTREL_TLS_KEY: "" }, /^kq load flood: KESTREL_TLS_CERT needs its key/],
    ["get work --tls-ca", {}, /Not enough arguments following: tls-ca/],
  ])("takes misuse for wrong usage: %s", async (line, changes, words) => {
    const { code, out, err } = await kq(line, changes);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(words);
  });
});
