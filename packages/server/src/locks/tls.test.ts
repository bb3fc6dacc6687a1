import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, readFile, writeFile } from "node:fs/promises";
import { get as httpsGet } from "node:https";
import { connect as connectPlain, type Socket } from "node:net";
import path from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { KestrelServer, type KestrelServerOptions } from "../server.ts";
import { readAnswerFrames, requestFrame } from "../testing/binary-frame.ts";
import { Authority, hasOpenssl, type Pair } from "../testing/certificates.ts";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { call, frameOf, readAnswers } from "../testing/thrift-library.ts";
import { type DoorName, doorNames, noTls, type TlsFiles, type TlsSettings } from "./lock-settings.ts";

const withOpenssl = describe.skipIf(!hasOpenssl);

let authority: Authority;
let ca: Buffer;
let pair: Pair;
let server: KestrelServer | undefined;
let log: CollectedLog;

beforeAll(async () => {
  if (!hasOpenssl) return;
  authority = await Authority.create();
  ca = await authority.read();
  pair = await authority.issue("node");
});
afterAll(() => authority?.[Symbol.asyncDispose]());
afterEach(() => server?.stop());

/** Node takes it, its types don't know it. */
const halfOpen = { allowHalfOpen: true } as ConnectionOptions;

function tlsFor(files: Pair & Partial<TlsFiles>, doors: readonly DoorName[] = doorNames): TlsSettings {
  const whole = { ca: null, clientCert: false, ...files };
  return { ...noTls, ...Object.fromEntries(doors.map((door) => [door, whole])) };
}

async function start(tls: TlsSettings, options: KestrelServerOptions = {}): Promise<KestrelServer> {
  log = new CollectedLog();
  const ports = { memcachePort: 0, textPort: 0, thriftPort: 0, adminPort: 0 };
  server = await KestrelServer.start({ queuePath: null, ...ports, tls, logger: log, ...options });
  return server;
}

async function open(door: DoorName, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { port } = server!.listeners[door]!;
  const socket = connect({ port, host: "127.0.0.1", ca, servername: "localhost", ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** Says this, and no more once so many bytes have come back; gives all that came. */
async function converse(door: DoorName, sent: string | Buffer, options?: ConnectionOptions): Promise<Buffer> {
  const socket = await open(door, { ...halfOpen, ...options });
  socket.end(sent);
  return await readAll(socket);
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function fetchAdmin(address: string): Promise<{ status: number; text: string }> {
  const { port } = server!.listeners.admin!;
  return new Promise((resolve, reject) => {
    httpsGet({ port, host: "127.0.0.1", path: address, ca, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode!, text }));
    }).on("error", reject);
  });
}

withOpenssl("Node's client", () => {
  test("reaches every port", async () => {
    await start(tlsFor(pair));
    expect(String(await converse("memcache", "set q 0 0 1\r\na\r\nget q\r\nget q/t=5\r\n"))).toBe(
      "STORED\r\nVALUE q 0 1\r\na\r\nEND\r\nEND\r\n",
    );
    expect(readAnswerFrames(await converse("memcache", requestFrame({ opcode: 0x0b })))).toEqual([
      { opcode: 0x0b, status: 0, value: expect.stringMatching(/^3\./) },
    ]);
    expect(String(await converse("text", "put q:\nb\n\nget q\n"))).toBe("+1\n:b\n");
    expect(readAnswers(await converse("thrift", frameOf("get_version", call, 1)))).toMatchObject([
      { name: "get_version", isException: false },
    ]);
    expect(await fetchAdmin("/ping")).toEqual({ status: 200, text: "pong" });
  });

  test("sends and receives what is larger than any buffer", async () => {
    await start(tlsFor(pair));
    const data = Buffer.alloc(5_000_000, "0123456789");
    const sent = Buffer.concat([
      Buffer.from(`set q 0 0 ${data.length}\r\n`),
      data,
      Buffer.from("\r\nget q\r\n"),
    ]);
    const answer = await converse("memcache", sent);
    const head = `STORED\r\nVALUE q 0 ${data.length}\r\n`;
    expect(answer.toString("latin1", 0, head.length)).toBe(head);
    expect(answer.subarray(head.length, head.length + data.length).equals(data)).toBe(true);
    expect(answer.toString("latin1", head.length + data.length)).toBe("\r\nEND\r\n");
  });

  test("gets its open items back when it is gone", async () => {
    await start(tlsFor(pair));
    await server!.queues.put("q", "a");
    const socket = await open("memcache");
    socket.write("get q/open\r\n");
    await once(socket, "data");
    expect(await server!.queues.get("q")).toBeNull();
    socket.destroy();
    expect((await server!.queues.get("q", { waitMs: 20_000 }))?.data.toString()).toBe("a");
  });

  test("that reads slowly is not sent more than a bound, and gets everything in the end", async () => {
    await start(tlsFor(pair));
    const length = 40;
    for (let i = 0; i < length; i++) await server!.queues.put("big", Buffer.alloc(1_000_000, "x"));
    const socket = await open("memcache", halfOpen);
    socket.pause();
    socket.end("get big\r\n".repeat(length));
    const left = (): number => Number(/queue_big_items (\d+)/.exec(String(stats))?.[1]);
    let stats = await converse("memcache", "stats\r\n");
    await expect
      .poll(async () => {
        const before = left();
        stats = await converse("memcache", "stats\r\n");
        return left() < length && left() === before;
      })
      .toBe(true);
    expect(left()).toBeGreaterThan(length / 2);
    expect((await readAll(socket)).length).toBe(
      length * (1_000_000 + "VALUE big 0 1000000\r\n\r\nEND\r\n".length),
    );
  });
});

withOpenssl("OpenSSL's s_client", () => {
  test.each(["-tls1_2", "-tls1_3"])("puts and gets with %s", async (version) => {
    await start(tlsFor(pair, ["memcache"]));
    const { port } = server!.listeners.memcache!;
    const args = ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", authority.pair.cert];
    const client = spawn("openssl", [...args, "-verify_return_error", "-quiet", "-no_ign_eof", version]);
    let heard = "";
    client.stdout.on("data", (chunk) => (heard += chunk));
    const expectHeard = (text: string): Promise<void> =>
      expect.poll(() => heard, { timeout: 20_000 }).toBe(text);
    client.stdin.write("set q 0 0 3\r\nabc\r\n");
    await expectHeard("STORED\r\n");
    client.stdin.write("get q\r\n");
    await expectHeard("STORED\r\nVALUE q 0 3\r\nabc\r\nEND\r\n");
    client.stdin.write("quit\r\n");
    client.stdin.end();
    await once(client, "close");
  });

  test("can't come with what is out of date", async () => {
    await start(tlsFor(pair, ["memcache"]));
    const { port } = server!.listeners.memcache!;
    const client = spawn("openssl", [
      "s_client",
      "-connect",
      `127.0.0.1:${port}`,
      "-tls1_1",
      "-cipher",
      "ALL:@SECLEVEL=0",
    ]);
    client.stdin.end();
    const [code] = (await once(client, "close")) as [number];
    expect(code).not.toBe(0);
  });
});

withOpenssl("a port with TLS", () => {
  test("tells nothing to who doesn't speak it, and serves the others", async () => {
    await start(tlsFor(pair, ["memcache"]));
    const socket = connectPlain(server!.listeners.memcache!.port);
    socket.on("error", () => {});
    socket.write("get q\r\n");
    const answer = await readAll(socket).catch(() => Buffer.alloc(0));
    expect(String(answer)).not.toContain("END");
    expect(String(await converse("memcache", "version\r\n"))).toMatch(/^VERSION/);
    expect(String(await plain("text", "version\n"))).toMatch(/^:3/);
  });

  test("counts who says nothing among the connections, over all ports, and lets others in when they go", async () => {
    await start(tlsFor(pair, ["memcache", "thrift"]), { maxConnections: 5 });
    const served = await open("memcache");
    const silent = (["memcache", "thrift", "memcache", "thrift"] as const).map((door) =>
      connectPlain(server!.listeners[door]!.port, "127.0.0.1").on("error", () => {}),
    );
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    // When this is answered, those have been accepted.
    served.write("set q 0 0 1\r\na\r\n");
    expect(String((await once(served, "data"))[0])).toBe("STORED\r\n");
    for (const door of ["memcache", "thrift", "text"] as const) {
      const refused = connectPlain(server!.listeners[door]!.port, "127.0.0.1");
      expect(await readAll(refused)).toEqual(Buffer.of());
    }
    expect(log.having("too many connections: further ones are closed")).toHaveLength(1);
    for (const socket of silent) socket.resetAndDestroy();
    served.destroy();
    const isIn = (): Promise<boolean> =>
      open("thrift").then(
        () => true,
        () => false,
      );
    for (let place = 0; place < 5; place++) await expect.poll(isIn, { timeout: 20_000 }).toBe(true);
  });

  test("stops in spite of those who say nothing, and of those who are served", async () => {
    await start(tlsFor(pair));
    const silent = doorNames.map((door) => connectPlain(server!.listeners[door]!.port).on("error", () => {}));
    await Promise.all(silent.map((socket) => once(socket, "connect")));
    const served = await open("memcache");
    served.on("error", () => {});
    served.write("get q/t=1000000\r\n");
    const closed = [...silent, served].map(
      (socket) => new Promise((resolve) => socket.resume().on("close", resolve)),
    );
    await server!.stop();
    await Promise.all(closed);
  });

  test("lets only clients with a certificate in, where it is told to", async () => {
    await start(tlsFor({ ...pair, ca: authority.pair.cert, clientCert: true }, ["memcache"]));
    await using strangers = await Authority.create();
    const [own, strange] = await Promise.all([authority.issue("client"), strangers.issue("client")]);
    const as = async ({ cert, key }: Pair): Promise<ConnectionOptions> => ({
      cert: await readFile(cert),
      key: await readFile(key),
    });
    expect(String(await converse("memcache", "version\r\n", await as(own)))).toMatch(/^VERSION/);
    for (const options of [{}, await as(strange)]) {
      const answer = await converse("memcache", "version\r\n", options).catch(String);
      expect(String(answer)).not.toContain("VERSION");
    }
  });
});

function plain(door: DoorName, sent: string): Promise<Buffer> {
  const socket = connectPlain({ port: server!.listeners[door]!.port, allowHalfOpen: true });
  socket.end(sent);
  return readAll(socket);
}

withOpenssl("a reload", () => {
  const nameOf = (socket: TLSSocket): string => String(socket.getPeerCertificate().subject.CN);

  test("brings new certificates for new connections, and drops none", async () => {
    const files = await authority.issue("changing");
    await start(tlsFor(files));
    const old = await open("memcache");
    expect(nameOf(old)).toBe("changing");
    const next = await authority.issue("changed");
    await copyFile(next.cert, files.cert);
    await copyFile(next.key, files.key);
    expect(nameOf(await open("memcache"))).toBe("changing");
    await server!.reload();
    for (const door of doorNames) {
      const socket = await open(door);
      expect(nameOf(socket)).toBe("changed");
      socket.destroy();
    }
    old.end("set q 0 0 1\r\na\r\n");
    expect(String(await readAll(old))).toBe("STORED\r\n");
    expect(log.having("reloaded the certificates")).toHaveLength(1);
  });

  test("of what can't be used changes nothing, users neither", async () => {
    const files = await authority.issue("broken");
    await start(tlsFor(files), {
      loadSettings: async () => ({
        queues: (await import("../settings/schema.ts")).readSettings({}).queues,
        server: { users: [{ name: "a", password: null, token: null, put: [], get: [], admin: false }] },
      }),
    });
    await writeFile(files.key, "nonsense");
    await expect(server!.reload()).rejects.toThrow(/TLS of memcache: .*broken\.pem and .*can't be used/);
    expect(String(await converse("memcache", "set q 0 0 1\r\na\r\n"))).toBe("STORED\r\n");
    await copyFile(authority.pair.key, files.key);
    await expect(server!.reload()).rejects.toThrow("can't be used");
  });

  test("is told of a certificate that has ended", async () => {
    const clock = new FakeClock();
    clock.advance(20 * 365 * 86_400_000);
    await start(tlsFor(pair, ["memcache"]), { clock });
    expect(log.having("a certificate has ended").map(({ fields }) => fields)).toEqual([
      { port: "memcache", ended: expect.stringMatching(/^\d{4}-/) },
    ]);
    await server!.reload();
    expect(log.having("a certificate has ended")).toHaveLength(2);
  });
});

withOpenssl("a start with files that can't be used", () => {
  test.each<[string, (folder: string) => Promise<Pair>, RegExp]>([
    [
      "one that isn't there",
      async (folder) => ({ ...pair, cert: path.join(folder, "none.pem") }),
      /^TLS of text: cannot read .*none\.pem: ENOENT$/,
    ],
    [
      "a key that isn't there",
      async () => ({ ...pair, key: "/nowhere/key.pem" }),
      /cannot read \/nowhere\/key\.pem: ENOENT$/,
    ],
    ["a folder", async (folder) => ({ ...pair, cert: folder }), /cannot read .*: EISDIR$/],
    [
      "a key for a certificate",
      async () => ({ ...pair, cert: pair.key }),
      /node-key\.pem is no certificate in PEM/,
    ],
    [
      "the key of another one",
      async () => ({ ...pair, key: authority.pair.key }),
      /can't be used: .*mismatch/,
    ],
    [
      "an empty file",
      async (folder) => {
        const cert = path.join(folder, "empty.pem");
        await writeFile(cert, "");
        return { ...pair, cert };
      },
      /empty\.pem is no certificate in PEM/,
    ],
  ])("%s: says which and why, and leaves nothing behind", async (_, make, message) => {
    const files = await make(authority.folder);
    await expect(start(tlsFor(files, ["text"]))).rejects.toThrow(message);
  });

  test.skipIf(process.getuid?.() === 0)("one that may not be read", async () => {
    const files = await authority.issue("secret");
    await chmod(files.key, 0);
    await expect(start(tlsFor(files, ["text"]))).rejects.toThrow("EACCES");
  });
});
