/** kq pointed at what is no memcache port of a node: it says so in a line, and does nothing. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findFreePort } from "../harness/free-port.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { runKq } from "./kq-process.ts";

let node: KestrelNode;
const servers: Server[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  const flags = ["thrift", "text", "admin"].flatMap((port) => [`--${port}-port`, "0"]);
  node = await KestrelNode.start({ flags });
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  await node?.[Symbol.asyncDispose]();
});

/** A server of the test's own. */
async function serve(onSocket: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onSocket(socket);
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const commands = [
  "put work x",
  "get work",
  "peek work",
  "queues",
  "stats",
  "ping",
  "version",
  "status",
  "flush work --yes",
  "dump work",
  "tail work",
  "load flood -n 3",
];

/** What each command says, which must be the same line for all. Each has all the time that a busy machine may take. */
async function expectRefusal(address: string, told: RegExp): Promise<void> {
  for (const line of commands) {
    const { code, out, err } = await runKq([...line.split(" "), "--timeout", "60s"], { servers: [address] });
    expect([line, code, out]).toEqual([line, 1, ""]);
    expect(err.split("\n"), line).toHaveLength(2);
    expect(err, line).toMatch(told);
  }
}

describe("kq says what it has met", () => {
  const wanted = "kq wants the memcache port \\(22133\\)";

  it.each([
    ["text", `is the text port of a node \\(2222\\): ${wanted}`],
    ["admin", `speaks HTTP, as the admin port of a node does \\(2223\\): ${wanted}`],
    [
      "thrift",
      `ended the connection .* Is it a thrift port \\(2229\\), or one with TLS \\(--tls\\)\\? ${wanted}`,
    ],
  ] as const)("at a node's %s port", async (port, told) => {
    await expectRefusal(`127.0.0.1:${node.portOf(port)}`, new RegExp(told));
  });

  it("at another server", async () => {
    const address = await serve((socket) => {
      socket.on("data", () => socket.write("500 what?\r\n"));
    });
    await expectRefusal(address, /is no Kestrel: it answered "500 what\?"; kq wants the memcache port/);
  });

  it("at one that takes longer than kq would wait by itself", async () => {
    const address = await serve((socket) => {
      socket.on("data", () => setTimeout(() => socket.write("500 what?\r\n"), 1_500));
    });
    const { code, err } = await runKq(["put", "work", "x", "--timeout", "60s"], { servers: [address] });
    expect([code, err]).toEqual([1, expect.stringContaining('is no Kestrel: it answered "500 what?"')]);
  });

  it("at one that says nothing", async () => {
    const address = await serve(() => {});
    for (const line of ["put work x", "queues", "ping"]) {
      const { code, err } = await runKq([...line.split(" "), "--timeout", "500ms"], { servers: [address] });
      expect([line, code]).toEqual([line, 1]);
      expect(err, line).toContain("no answer in time");
    }
  });

  const hasMemcached = spawnSync("memcached", ["-V"]).status === 0;
  if (!hasMemcached) console.warn("left out: memcached is not installed");

  it.runIf(hasMemcached)("at a memcached", async () => {
    const port = await findFreePort();
    const child = spawn("memcached", ["-u", "nobody", "-l", "127.0.0.1", "-p", String(port)], {
      stdio: "ignore",
    });
    try {
      await expect.poll(() => isListening(port), { timeout: 10_000 }).toBe(true);
      await expectRefusal(`127.0.0.1:${port}`, /is a memcached \(1\.\S+\), no Kestrel/);
    } finally {
      child.kill();
      await once(child, "close");
    }
  });
});

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
