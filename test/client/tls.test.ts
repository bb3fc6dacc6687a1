/** The client's TLS over either wire, against the real program. Left out, and this is said, without OpenSSL. */

import {
  AdminConnection,
  KestrelClientError,
  KestrelClusterClient,
  type TlsOptions,
} from "@kestrel-mq/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Certificate, hasOpenssl } from "../harness/certificate.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";

describe.runIf(hasOpenssl)("a node with TLS that asks its clients for a certificate", () => {
  let certificate: Certificate;
  let node: KestrelNode;

  beforeAll(async () => {
    certificate = await Certificate.create();
    const flags = certificate.nodeFlags({ wantsOurs: true });
    node = await KestrelNode.start({ speaksThrift: true, flags });
  });

  afterAll(async () => {
    await node?.[Symbol.asyncDispose]();
    await certificate?.[Symbol.asyncDispose]();
  });

  const own = (): TlsOptions => ({ ca: certificate.cert, cert: certificate.cert, key: certificate.key });

  describe.each(["memcache", "thrift"] as const)("over %s", (transport) => {
    const create = (tls: TlsOptions | true | undefined): KestrelClusterClient =>
      new KestrelClusterClient({
        servers: [transport === "thrift" ? node.thriftAddress : node.address],
        transport,
        // The node may have a lot to do beside this test.
        connectTimeoutMs: 20_000,
        ...(tls !== undefined && { tls }),
      });

    test("gives and takes of who has one, large items and many at once as well", async () => {
      await using client = create(own());
      const large = Buffer.alloc(5_000_000, "0123456789");
      const items = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? large : `small ${index}`));
      expect((await client.putMany("q", items)).every(({ stored }) => stored === true)).toBe(true);
      const opened = await Promise.all(items.map(() => client.open("q")));
      // Each over memcache on a connection of its own, in no order.
      const texts = new Set(opened.map((item) => item!.text()));
      expect(texts).toEqual(new Set(items.map(String)));
      expect(opened.filter((item) => item!.data.equals(large))).toHaveLength(10);
      await Promise.all(opened.map((item) => item!.confirm()));
      const waiting = client.get("other", { wait: 20_000 });
      await client.put("other", "late");
      expect((await waiting)!.text()).toBe("late");
      if (transport === "memcache") expect((await client.stats())[0]).toMatchObject({ ok: true });
      expect((await client.flush("q")).every(({ ok }) => ok)).toBe(true);
    });

    test.each<[string, () => TlsOptions | true | undefined, string, RegExp]>([
      ["who has none", () => ({ ca: certificate.cert }), "no-node", /did not accept our certificate/],
      ["who trusts others", () => true, "no-node", /the node's certificate was not accepted: self-signed/],
      [
        "who expects another name",
        () => ({ ...own(), servername: "elsewhere.example" }),
        "no-node",
        /the node's certificate was not accepted: .*elsewhere\.example/,
      ],
      [
        "who speaks no TLS",
        () => undefined,
        "unknown",
        /closed before the first answer, as by a port with TLS/,
      ],
    ])("takes nothing of %s", async (_name, tls, code, message) => {
      await using client = create(tls());
      const error = await client.put("q", "x").catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(KestrelClientError);
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
      expect(client.nodes()).toMatchObject([{ state: "down" }]);
    });
  });

  test("answers an AdminConnection with one, and no other", async () => {
    await using admin = new AdminConnection(node.address, { tls: own(), connectTimeoutMs: 20_000 });
    expect(await admin.line("version")).toMatch(/^VERSION/);
    await using other = new AdminConnection(node.address, { tls: true, connectTimeoutMs: 20_000 });
    await expect(other.line("version")).rejects.toMatchObject({ code: "node-down" });
  });
});

test("what makes no sense is refused before anything is connected", () => {
  const tls = { ca: "/etc/kestrel/ca.pem" };
  const refusal = expect.objectContaining({
    code: "bad-request",
    message: expect.stringMatching(/^tls\.ca/),
  });
  expect(() => new KestrelClusterClient({ servers: ["localhost"], tls })).toThrow(refusal);
  expect(() => new AdminConnection("localhost", { tls })).toThrow(refusal);
});
