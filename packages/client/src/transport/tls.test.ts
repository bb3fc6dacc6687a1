// TLS on each wire: whom a connection trusts, what it says to others, and that nothing is said to those before. The
// certificates are made by OpenSSL; without it this is left out, and said.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { TlsOptions as ServerTlsOptions } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Authority, hasOpenssl, type Pair } from "../../../server/src/testing/certificates.ts";
import { FakeTlsNode } from "../testing/fake-tls-node.ts";
import { until } from "../testing/until.ts";
import { AsciiConnection } from "./memcache/ascii-connection.ts";
import { MemjsConnection } from "./memcache/memjs-connection.ts";
import type { NodeEndpoint } from "./node-socket.ts";
import { versionCall } from "./thrift/calls.ts";
import { ThriftConnection } from "./thrift/thrift-connection.ts";
import { resolveTls, type TlsOptions } from "./tls-options.ts";
import { TransportError } from "./transport-error.ts";

const toEnd: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of toEnd.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

interface Dialling extends NodeEndpoint {
  readonly connectTimeoutMs: number;
  readonly credentials?: { readonly username: string; readonly password: string };
}

const BYTES_MAX = 1_000_000;
const ANSWER_MS = 20_000;

/** Each asks for something once, over a connection of its own. */
const wires: readonly [string, (options: Dialling) => Promise<unknown>][] = [
  [
    "memcache",
    async (options) => {
      const connection = await MemjsConnection.connect({ ...options, replyBytesMax: BYTES_MAX });
      await connection.request(0x0b, "", undefined, undefined, ANSWER_MS).finally(() => connection.destroy());
    },
  ],
  [
    "thrift",
    async (options) => {
      const connection = await ThriftConnection.connect({ ...options, answerBytesMax: BYTES_MAX });
      await connection.call(versionCall(), ANSWER_MS).finally(() => connection.destroy());
    },
  ],
  [
    "memcache ASCII",
    async (options) => {
      const times = { timeoutMs: ANSWER_MS, idleMs: ANSWER_MS };
      const connection = new AsciiConnection({ ...options, ...times, answerBytesMax: BYTES_MAX });
      await connection.line("version").finally(() => connection.close());
    },
  ],
];

async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const outcome = await promise.then(
    () => "it succeeded",
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(TransportError);
  return outcome as TransportError;
}

/** A server without TLS. */
async function servePlain(onSocket: (socket: Socket) => void): Promise<NodeEndpoint> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    onSocket(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  toEnd.push({
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  });
  return { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

describe.skipIf(!hasOpenssl).each(wires)("over %s", (_, ask) => {
  let authority: Authority;
  let ca: Buffer;
  let own: { cert: Buffer; key: Buffer };

  beforeAll(async () => {
    authority = await Authority.create();
    ca = await authority.read();
    own = await contents(await authority.issue("node"));
  });
  afterAll(() => authority?.[Symbol.asyncDispose]());

  async function contents({ cert, key }: Pair): Promise<{ cert: Buffer; key: Buffer }> {
    return { cert: await readFile(cert), key: await readFile(key) };
  }

  async function serve(options: ServerTlsOptions = {}): Promise<FakeTlsNode> {
    const node = await FakeTlsNode.start({ ...own, ...options });
    toEnd.push(node);
    return node;
  }

  function askOf(
    { address }: { address: NodeEndpoint },
    tls: TlsOptions | true,
    options: Partial<Dialling> = {},
  ): Promise<unknown> {
    return ask({ ...address, connectTimeoutMs: ANSWER_MS, tls: resolveTls(tls), ...options });
  }

  test("asks whom it trusts, and for the name that it was told", async () => {
    const node = await serve();
    await askOf(node, { ca });
    await askOf(node, { ca: [await authority.read(), ca.toString()], servername: "localhost" });
    await askOf(node, { ca }, { host: "localhost" });
    expect(node.names).toEqual([false, "localhost", "localhost"]);
    await until(() => node.sockets.size === 0);
  });

  test("says who it is to whom it trusts", async () => {
    const node = await serve();
    const credentials = { username: "shop", password: "open sesame" };
    await askOf(node, { ca }, { credentials });
    expect(node.heard.toString("latin1")).toContain("open sesame");
  });

  test.each<[string, () => Promise<ServerTlsOptions>, TlsOptions | true | undefined, RegExp]>([
    ["another authority", async () => ({}), true, /certificate was not accepted: (unable|self.signed)/],
    ["another name", async () => ({}), { servername: "elsewhere.example" }, /accepted: .*elsewhere\.example/],
    [
      "another address",
      async () => contents(await authority.issue("elsewhere", { hosts: "DNS:localhost,IP:127.0.0.2" })),
      undefined,
      /accepted: .*127\.0\.0\.1 is not in the cert's list/,
    ],
    [
      "a certificate that has ended",
      async () => contents(await authority.issue("ended", { days: -1 })),
      undefined,
      /certificate was not accepted: certificate has expired/,
    ],
  ])("says nothing to a node with %s", async (_case, options, tls, message) => {
    const node = await serve(await options());
    const credentials = { username: "shop", password: "open sesame" };
    const error = await failure(askOf(node, tls === true ? true : { ca, ...tls }, { credentials }));
    expect(error.kind).toBe("unreachable");
    expect(error.message).toMatch(message);
    expect(node.heard.toString()).toBe("");
    await until(() => node.sockets.size === 0);
    await askOf(node, { rejectUnauthorized: false });
  });

  test("comes in with a certificate where one is wanted, and not without or with another's", async () => {
    const node = await serve({ ca, requestCert: true });
    await askOf(node, { ca, ...own });
    node.heard = Buffer.alloc(0);
    const absent = await failure(askOf(node, { ca }));
    expect([absent.kind, absent.message]).toEqual([
      "unreachable",
      expect.stringMatching(/^the node did not accept our certificate: .*certificate required/),
    ]);
    await using strangers = await Authority.create();
    const strange = await failure(askOf(node, { ca, ...(await contents(await strangers.issue("client"))) }));
    expect(strange.kind).toBe("unreachable");
    expect(node.heard.toString()).toBe("");
  });

  test("finds that a node speaks no TLS", async () => {
    let heard = "";
    const address = await servePlain((socket) =>
      socket.on("data", (chunk) => {
        heard += chunk.toString("latin1");
        socket.write("CLIENT_ERROR\r\n");
      }),
    );
    const credentials = { username: "shop", password: "open sesame" };
    const error = await failure(askOf({ address }, { ca }, { credentials }));
    expect([error.kind, error.message]).toEqual(["unreachable", "the node speaks no TLS at this port"]);
    expect(heard).not.toContain("sesame");
  });

  test("gives up a node that leaves the handshake, or leaves it unanswered", async () => {
    const leaving = await servePlain((socket) => socket.once("data", () => socket.end()));
    expect(await failure(askOf({ address: leaving }, { ca }))).toMatchObject({
      kind: "unreachable",
      message: expect.stringMatching(/^the node ended the connection instead of agreeing on TLS/),
    });
    const sockets: Socket[] = [];
    const silent = await servePlain((socket) => sockets.push(socket.resume()));
    const error = await failure(askOf({ address: silent }, { ca }, { connectTimeoutMs: 100 }));
    expect([error.kind, error.message]).toEqual(["unreachable", "no connection within 100 ms"]);
    await until(() => sockets.every((socket) => socket.closed));
  });

  test("without TLS, a port that has it is no success, and is guessed", async () => {
    const node = await serve();
    const error = await failure(ask({ ...node.address, connectTimeoutMs: ANSWER_MS }));
    expect(error.kind).toBe("no-answer");
    expect(error.message).toMatch(
      /closed before the first answer, as by a port with TLS|ended the connection/,
    );
    expect(node.heard.toString()).toBe("");
  });
});

test.each<[string, (options: Dialling, signal: AbortSignal) => Promise<unknown>]>([
  [
    "memcache",
    (options, signal) => MemjsConnection.connect({ ...options, replyBytesMax: BYTES_MAX }, signal),
  ],
  [
    "thrift",
    (options, signal) => ThriftConnection.connect({ ...options, answerBytesMax: BYTES_MAX }, signal),
  ],
])("over %s, an abort ends a handshake that nobody answers", async (_, connect) => {
  const sockets: Socket[] = [];
  const controller = new AbortController();
  const silent = await servePlain((socket) => {
    sockets.push(socket.resume());
    socket.once("data", () => controller.abort());
  });
  const options = { ...silent, connectTimeoutMs: ANSWER_MS, tls: resolveTls(true) };
  expect((await failure(connect(options, controller.signal))).kind).toBe("aborted");
  await until(() => sockets.every((socket) => socket.closed));
});

describe.skipIf(!hasOpenssl)("options", () => {
  let authority: Authority;
  let cert: string;
  let key: string;
  let otherKey: string;
  beforeAll(async () => {
    authority = await Authority.create();
    cert = await readFile(authority.pair.cert, "utf8");
    key = await readFile(authority.pair.key, "utf8");
    otherKey = await readFile((await authority.issue("other")).key, "utf8");
  });
  afterAll(() => authority?.[Symbol.asyncDispose]());

  test.each<[string, () => TlsOptions, RegExp]>([
    [
      "a path for an authority",
      () => ({ ca: "/etc/ssl/ca.pem" }),
      /^tls\.ca must be certificates in PEM, not/,
    ],
    ["a key for an authority", () => ({ ca: [cert, key] }), /^tls\.ca can't be used/],
    ["no authority at all", () => ({ ca: [] }), /^tls\.ca is empty/],
    [
      "a path for a certificate",
      () => ({ cert: "client.pem", key }),
      /^tls\.cert must be certificates in PEM/,
    ],
    ["a certificate without its key", () => ({ cert }), /^tls\.cert and tls\.key go together/],
    ["a key without its certificate", () => ({ key }), /^tls\.cert and tls\.key go together/],
    ["a certificate for a key", () => ({ cert, key: cert }), /^tls\.key, or tls\.passphrase, can't be used/],
    ["a path for a key", () => ({ cert, key: "key.pem" }), /^tls\.key, or tls\.passphrase, can't be used/],
    [
      "the key of another certificate",
      () => ({ cert, key: otherKey }),
      /^tls\.key doesn't belong to tls\.cert$/,
    ],
  ])("refuses %s", (_, options, message) => {
    expect(() => resolveTls(options())).toThrow(
      expect.objectContaining({ code: "bad-request", message: expect.stringMatching(message) }),
    );
  });
});
