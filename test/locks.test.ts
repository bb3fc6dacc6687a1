/** A node with users, as operators and their clients have it: the real program, and clients as they come. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { KestrelClusterClient, type TransportName } from "@kestrel-mq/client";
import { KestrelServer, readSettings } from "@kestrel-mq/server";
import memjs from "memjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasBrowser, startBrowser } from "./harness/browser.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { kestrelProgram } from "./harness/kestrel-program.ts";
import { TempFolder } from "./harness/temp-folder.ts";

const run = promisify(execFile);
/** Debian's own, which sees the packages of Debian. */
const python = "/usr/bin/python3";
const password = "öpen sesame: 1";

let folder: TempFolder;
let file: string;
let node: KestrelNode;
let shop: object;

/** What the program makes of a password. */
async function hash(text: string): Promise<string> {
  const child = spawn(process.execPath, [kestrelProgram, "--hash-password"]);
  let printed = "";
  child.stdout.on("data", (chunk) => (printed += chunk));
  child.stdin.end(`${text}\n`);
  const [code] = (await once(child, "close")) as [number];
  expect(code).toBe(0);
  return printed.trim();
}

beforeAll(async () => {
  folder = await TempFolder.create();
  file = join(folder.path, "kestrel.json");
  shop = { name: "shop", password: await hash(password), put: ["orders*"], get: ["orders*"] };
  await writeFile(file, JSON.stringify({ users: [shop] }));
  node = await KestrelNode.start({
    speaksThrift: true,
    flags: ["--config", file, "--admin-port", "0"],
  });
});

afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await folder?.[Symbol.asyncDispose]();
});

describe("memjs", () => {
  const create = (username?: string, word?: string): InstanceType<typeof memjs.Client> =>
    memjs.Client.create(node.address, {
      retries: 0,
      ...(username === undefined ? {} : { username }),
      ...(word === undefined ? {} : { password: word }),
    });

  test("with user and password works as ever", async () => {
    const client = create("shop", password);
    try {
      expect(await client.set("orders", "one", {})).toBe(true);
      expect((await client.get("orders/open")).value?.toString()).toBe("one");
      // What it has no right to is refused, and neither connection nor open item is lost by it.
      await expect(client.set("secrets", "x", {})).rejects.toThrow();
      await expect(client.delete("orders")).rejects.toThrow();
      expect((await client.get("orders/close/open")).value).toBeNull();
      expect(await client.set("orders", "two", {})).toBe(true);
      expect((await client.get("orders")).value?.toString()).toBe("two");
    } finally {
      client.close();
    }
  });

  test.each<[string, string | undefined, string | undefined]>([
    ["another password", "shop", "open sesame"],
    ["another user", "shops", password],
    ["neither", undefined, undefined],
  ])("with %s does not", async (_, user, word) => {
    const client = create(user, word);
    try {
      await expect(client.set("orders", "x", {})).rejects.toThrow(/authentication failed/);
    } finally {
      client.close();
    }
  });
});

describe.each<TransportName>(["memcache", "thrift"])("our client over %s", (transport) => {
  const create = (word: string): KestrelClusterClient =>
    new KestrelClusterClient({
      servers: [transport === "thrift" ? node.thriftAddress : node.address],
      transport,
      credentials: { username: "shop", password: word },
      // The node may have a lot to do beside this test.
      connectTimeoutMs: 20_000,
    });

  test("puts and gets, and is told what it may not", async () => {
    await using client = create(password);
    await client.put("orders-of-ours", "one");
    expect((await client.get("orders-of-ours"))?.data.toString()).toBe("one");
    await expect(client.put("secrets", "x")).rejects.toMatchObject({ code: "unauthorized" });
    await expect(client.get("secrets")).rejects.toMatchObject({ code: "unauthorized" });
    const waiting = client.get("secrets", { wait: 300_000 });
    await expect(waiting).rejects.toMatchObject({ code: "unauthorized" });
    for (const result of await client.flush("orders-of-ours")) {
      expect(result).toMatchObject({ ok: false, error: { code: "unauthorized" } });
    }
    // What one user may not do is no trouble of the node's.
    expect(client.nodes()).toMatchObject([{ state: "up" }]);
    await client.put("orders-of-ours", "two");
    expect((await client.get("orders-of-ours"))?.data.toString()).toBe("two");
  });

  test("with another password is told that", async () => {
    await using client = create("guess");
    await expect(client.put("orders", "x")).rejects.toMatchObject({ code: "unauthorized" });
  });
});

const hasPylibmc = spawnSync(python, ["-c", "import pylibmc; assert pylibmc.support_sasl"]).status === 0;
if (!hasPylibmc) console.warn("left out: pylibmc is not installed");

test.runIf(hasPylibmc)("pylibmc with user and password", async () => {
  const script = fileURLToPath(new URL("stock/pylibmc-locked-session.py", import.meta.url));
  const as = (word: string, isRight: string): Promise<{ stdout: string }> =>
    run(python, [script, node.host, String(node.port), "shop", word, isRight], { timeout: 60_000 });
  expect((await as(password, "yes")).stdout).toBe("ok\n");
  expect((await as("guess", "no")).stdout).toBe("ok\n");
});

test("the log says who was not let in, and not with which words", async () => {
  const { log } = node;
  await expect
    .poll(() => log.filter(({ msg }) => msg === "somebody was not let in").length)
    .toBeGreaterThan(1);
  const text = node.logText();
  expect(text).toContain('"user":"shop","address":"127.0.0.1"');
  for (const word of [password, "guess", "open sesame", "shops"]) expect(text).not.toContain(word);
});

test("SIGHUP brings new users and takes others away, at once", async () => {
  await using client = await node.client();
  const login = (name: string, word: string): Promise<string> => client.put("any", `${name} ${word}`);
  expect(await login("shop", password)).toBe("STORED");
  const billing = { name: "billing", password: await hash("bills"), get: ["orders"], admin: true };
  await writeFile(file, JSON.stringify({ users: [billing] }));
  process.kill(node.pid, "SIGHUP");
  await expect
    .poll(() => node.log.some(({ msg }) => msg === "reloaded the users"), { timeout: 20_000 })
    .toBe(true);
  expect(await client.put("orders", "x")).toBe("CLIENT_ERROR authentication failure");
  expect(await login("billing", "bills")).toBe("STORED");
  expect(await client.line("status WRITEAVOID")).toBe("END");
  expect(await client.line("status UP")).toBe("END");
  // Nobody is locked out by a slip of the fingers.
  await writeFile(file, JSON.stringify({ users: [{ ...shop, pasword: "" }] }));
  expect(await client.line("reload")).toMatch(
    /^SERVER_ERROR .*users\[0\]\.pasword: no such setting, did you mean password\?/,
  );
  expect(await client.line("status")).toBe("UP");
  await writeFile(file, JSON.stringify({ users: [shop] }));
});

/** A certificate that vouches for itself. */
async function certify(cert: string, key: string, name: string): Promise<void> {
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  await run("openssl", ["req", "-x509", ...made, "-keyout", key, "-out", cert, "-subj", `/CN=${name}`]);
}

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
if (!hasOpenssl) console.warn("left out: openssl is not installed");

test.runIf(hasOpenssl)("SIGHUP brings a new certificate, and drops no connection", async () => {
  const [cert, key] = [join(folder.path, "cert.pem"), join(folder.path, "key.pem")];
  const settings = join(folder.path, "tls.json");
  await certify(cert, key, "old");
  await writeFile(settings, JSON.stringify({ tls: { all: { cert, key } } }));
  await using locked = await KestrelNode.start({ flags: ["--config", settings] });
  const open = async (): Promise<TLSSocket> => {
    const socket = connect({ host: locked.host, port: locked.port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    return socket;
  };
  const nameOf = (socket: TLSSocket): unknown => socket.getPeerCertificate().subject.CN;
  const early = await open();
  expect(nameOf(early)).toBe("old");
  await certify(cert, key, "new");
  process.kill(locked.pid, "SIGHUP");
  const isReloaded = (): boolean => locked.log.some(({ msg }) => msg === "reloaded the certificates");
  await expect.poll(isReloaded, { timeout: 20_000 }).toBe(true);
  const late = await open();
  expect(nameOf(late)).toBe("new");
  for (const socket of [early, late]) {
    socket.end("set q 0 0 1\r\na\r\n");
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toBe("STORED\r\n");
  }
});

describe.runIf(hasBrowser())("the page", () => {
  test("asks for user and password, and then is as ever", async () => {
    const { server: settings } = readSettings({ users: [{ ...shop, admin: true }] });
    await using server = await KestrelServer.start({ queuePath: null, users: settings.users, adminPort: 0 });
    await server.queues.put("orders", "an order");
    const { host, port } = server.listeners.admin!;
    const address = `http://${host}:${port}/`;
    const browser = await startBrowser();
    try {
      const stranger = await browser.newPage();
      const answer = await stranger.goto(address).catch((error: unknown) => error);
      // A browser without anybody to ask tells of it in its own way.
      if (answer !== null && !(answer instanceof Error))
        expect((answer as { status(): number }).status()).toBe(401);
      const context = await browser.newContext({ httpCredentials: { username: "shop", password } });
      const page = await context.newPage();
      await page.goto(address);
      await page.locator("body:not(.stale)").waitFor();
      await page.getByRole("link", { name: "orders", exact: true }).click();
      await page.getByLabel("Data of item 1").waitFor();
    } finally {
      await browser.close();
    }
  });
});
