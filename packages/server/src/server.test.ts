import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KestrelServer, type KestrelServerOptions } from "./server.ts";
import { QueueRules } from "./settings/queue-rules.ts";

let folder: string;
let server: KestrelServer;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "kestrel-server-"));
});

afterEach(async () => {
  await server?.stop();
  await rm(folder, { recursive: true });
});

async function start(options: KestrelServerOptions = {}): Promise<KestrelServer> {
  server = await KestrelServer.start({ memcachePort: 0, queuePath: folder, ...options });
  return server;
}

async function open(): Promise<Socket> {
  const socket = connect({ port: server.listeners.memcache!.port, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** Sends a text and no more, and gives all that comes back until the server ends the connection. */
async function converse(sent: string): Promise<string> {
  const socket = await open();
  socket.end(sent);
  return readAll(socket);
}

async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe("a server", () => {
  test("listens where it says, answers, and keeps what it was given over a stop", async () => {
    await start();
    expect(server.listeners.memcache?.host).toBe("127.0.0.1");
    expect(await converse("set q 0 0 3\r\nabc\r\nget q/open\r\nget q/t=100\r\n")).toBe(
      "STORED\r\nVALUE q 0 3\r\nabc\r\nEND\r\nERROR\r\n",
    );
    await server.stop();
    await start();
    expect(await converse("get q\r\n")).toBe("VALUE q 0 3\r\nabc\r\nEND\r\n");
  });

  test("says which port it can't have, and lets go of the folder", async () => {
    await start();
    const { port } = server.listeners.memcache!;
    const options = { queuePath: path.join(folder, "other"), memcachePort: port };
    await expect(KestrelServer.start(options)).rejects.toThrow(
      `127.0.0.1:${port}: somebody else listens there`,
    );
    const next = await KestrelServer.start({ ...options, memcachePort: 0 });
    await next.stop();
  });

  test("refuses a folder that is in use", async () => {
    await start();
    await expect(KestrelServer.start({ queuePath: folder, memcachePort: 0 })).rejects.toThrow("in use");
  });

  test("without a folder keeps everything in memory", async () => {
    await start({ queuePath: null });
    expect(await converse("set q 0 0 3\r\nabc\r\nget q\r\n")).toBe("STORED\r\nVALUE q 0 3\r\nabc\r\nEND\r\n");
  });

  test("stops when a client says so, after the answers", async () => {
    await start();
    expect(await converse("set q 0 0 3\r\nabc\r\nshutdown\r\n")).toBe("STORED\r\n");
    await server.stopped;
    await expect(open()).rejects.toThrow("ECONNREFUSED");
  });

  test("stops in spite of clients that wait, that are idle, and that don't read", async () => {
    await start();
    const idle = await open();
    const waiting = await open();
    waiting.write("get none/t=1000000\r\n");
    const stuck = await open();
    stuck.pause();
    await server.queues.put("big", Buffer.alloc(30_000_000));
    stuck.write("get big\r\n");
    await expect.poll(() => converse("stats\r\n")).toContain("queue_big_items 0\r\n");
    await server.stop();
    for (const socket of [idle, waiting, stuck]) socket.destroy();
  });

  test("has a bound on connections", async () => {
    await start({ maxConnections: 2 });
    const first = await open();
    await open();
    const third = await open();
    await once(third.resume(), "end");
    first.end("version\r\n");
    expect(await readAll(first)).toBe("VERSION 3.0.0\r\n");
    await expect
      .poll(() => converse("version\r\n").catch(() => "refused"), { timeout: 10_000 })
      .toBe("VERSION 3.0.0\r\n");
  });

  test("reads its rules anew when asked to, and keeps the old ones when it can't", async () => {
    const rules = [new QueueRules({ queues: [["q", { maxItems: 1 }]] })];
    await start({
      loadSettings: async () => {
        const next = rules.pop();
        if (next === undefined) throw new Error("broken");
        return { queues: next };
      },
    });
    expect(
      await converse("reload\r\nset q 0 0 1\r\na\r\nset q 0 0 1\r\nb\r\nreload\r\nset q 0 0 1\r\nc\r\n"),
    ).toBe("Reloaded config.\r\nSTORED\r\nNOT_STORED\r\nSERVER_ERROR broken\r\nNOT_STORED\r\n");
    expect(await converse("dump_config\r\n")).toContain("queue 'q' {\r\n  maxItems=1\r\n");
  });
});

describe("a slow reader", () => {
  test("is not sent more than a bound, and gets everything in the end", async () => {
    await start();
    const item = Buffer.alloc(1_000_000, "x");
    const length = 60;
    for (let i = 0; i < length; i++) await server.queues.put("big", item);
    const socket = await open();
    socket.pause();
    socket.end("get big\r\n".repeat(length));
    // Nothing is taken any more once the system's buffers are full.
    let before = -1;
    let items = Number.NaN;
    while (before !== items) {
      before = items;
      await new Promise((resolve) => setTimeout(resolve, 200));
      items = Number(/queue_big_items (\d+)/.exec(await converse("stats\r\n"))![1]);
    }
    expect(items).toBeGreaterThan(length / 2);
    expect((await readAll(socket)).length).toBe(
      length * ("VALUE big 0 1000000\r\n\r\nEND\r\n".length + item.length),
    );
  });
});

describe("queues for the program that embeds the server", () => {
  test("are the clients' queues", async () => {
    const { queues } = await start();
    expect(await queues.put("q", "abc", { flags: 5 })).toBe(true);
    expect(await converse("get q\r\n")).toBe("VALUE q 5 3\r\nabc\r\nEND\r\n");
    await converse("set q 7 0 3\r\ndef\r\n");
    expect(await queues.peek("q")).toEqual({ id: 2, flags: 7, data: Buffer.from("def") });
    expect(await queues.get("q")).toEqual({ id: 2, flags: 7, data: Buffer.from("def") });
    expect(await queues.get("q")).toBe(null);
    expect(queues.names()).toEqual(["q"]);
    queues.delete("q");
    expect(queues.names()).toEqual([]);
  });

  test("wait for an item", async () => {
    const { queues } = await start();
    const waiting = queues.get("q", { waitMs: 60_000 });
    await converse("set q 0 0 1\r\na\r\n");
    expect((await waiting)?.data.toString()).toBe("a");
    expect(await queues.get("q", { waitMs: 1 })).toBe(null);
  });

  test("set items aside until they are confirmed", async () => {
    const { queues } = await start();
    for (const data of ["a", "b"]) await queues.put("q", data);
    {
      await using item = await queues.open("q");
      expect(item?.data.toString()).toBe("a");
    }
    const first = await queues.open("q");
    expect(first?.data.toString()).toBe("a");
    expect(await first?.confirm()).toBe(true);
    expect(await first?.confirm()).toBe(false);
    expect(first?.abort()).toBe(false);
    const second = await queues.open("q", { waitMs: 10 });
    expect(second?.data.toString()).toBe("b");
    expect(second?.abort()).toBe(true);
    expect((await queues.get("q"))?.data.toString()).toBe("b");
  });

  test("are of no use after a stop, and do no harm to journals that may be another's by then", async () => {
    const { queues } = await start();
    await queues.put("q", "kept");
    const open = await queues.open("q");
    const waiting = queues.get("empty", { waitMs: 60_000 });
    await server.stop();
    expect(await waiting).toBe(null);
    expect(await open?.confirm()).toBe(false);
    const refused = { code: "unavailable", message: "the node has stopped" };
    await expect(queues.put("q", "too late")).rejects.toMatchObject(refused);
    await expect(queues.get("q")).rejects.toMatchObject(refused);
    await expect(queues.open("q", { waitMs: 60_000 })).rejects.toMatchObject(refused);
    await expect(queues.put("new", "too late")).rejects.toMatchObject(refused);
    await start();
    expect((await server.queues.get("q"))?.data.toString()).toBe("kept");
    expect(server.queues.names()).toEqual(["empty", "q"]);
  });

  test("refuse what is refused to everybody", async () => {
    const { queues } = await start({ rules: new QueueRules({ default: { maxItems: 1 } }) });
    expect(await queues.put("q", "a", { expiresMs: 60_000 })).toBe(true);
    expect(await queues.put("q", "b")).toBe(false);
    await expect(queues.put("a/b", "x")).rejects.toMatchObject({ code: "bad-name" });
    queues.flush("q");
    expect(await queues.put("q", "b")).toBe(true);
  });
});
