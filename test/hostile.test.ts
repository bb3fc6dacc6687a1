/** Strangers: whatever they send, or don't, the node's memory stays bounded and others are served. */

import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Random } from "./crash/random.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";

const megabyte = 1024 * 1024;
/** Half-received items may take 256 MB, and so may unread answers; the rest is Node itself and what its collector has not given back yet. */
const residentBytesMax = 700 * megabyte;

let node: KestrelNode;

beforeEach(async () => {
  node = await KestrelNode.start();
});

afterEach(async () => {
  if (existsSync("/proc/self/status")) expect(await node.residentBytes()).toBeLessThan(residentBytesMax);
  await expectServed();
  await node[Symbol.asyncDispose]();
});

/** Somebody else can still put and get. */
async function expectServed(): Promise<void> {
  await using client = await node.client();
  expect(await client.put("bystander", "hello")).toBe("STORED");
  expect((await client.get("bystander"))?.data.toString()).toBe("hello");
}

test("garbage", async () => {
  const random = Random.announced("KESTREL_GARBAGE_SEED");
  for (let i = 0; i < 200; i++) {
    await using session = await node.connect();
    const garbage = random.bytes(random.magnitude(1, 5000));
    // Half of it looks like the binary protocol at first.
    if (random.chance(0.5)) garbage[0] = 0x80;
    session.send(garbage);
    session.socket.end();
    await session.readToClose();
  }
});

test.each(["get ", "x", "set q 0 0 "])("an endless line that begins with %j", async (start) => {
  await using session = await node.connect();
  session.send(start);
  const more = Buffer.alloc(64 * 1024, "a");
  let sentBytes = 0;
  while (!session.isEnded && sentBytes < 200 * megabyte) {
    await new Promise<void>((resolve) => session.socket.write(more, () => resolve()));
    sentBytes += more.length;
  }
  expect(session.isEnded, `after ${sentBytes} bytes`).toBe(true);
});

test("connections for all files that a process may open leave the journals theirs", async () => {
  await using small = await KestrelNode.start({
    command: ["sh", "-c", 'ulimit -n 512 && exec "$@"', "sh"],
    flags: ["--admin-port", "0"],
  });
  await using client = await small.client();
  const queues = Array.from({ length: 400 }, (_, number) => `q${number}`);
  for (const queue of queues) expect(await client.put(queue, "before")).toBe("STORED");
  const silentAt = (port: number): Socket => connect(port, "127.0.0.1").on("error", () => {});
  const silent = Array.from({ length: 300 }, () => silentAt(small.adminPort));
  silent.push(...Array.from({ length: 600 }, () => silentAt(small.port)));
  try {
    await expect.poll(() => small.logText(), { timeout: 20_000 }).toContain("too many connections");
    for (const queue of queues) expect(await client.put(queue, "meanwhile")).toBe("STORED");
  } finally {
    for (const socket of silent) socket.destroy();
  }
});

describe("huge announced sizes", () => {
  test.each([
    "set q 0 0 99999999999999999999",
    "set q 0 0 9007199254740993",
    "set q 0 0 -2147483648",
    "set q 0 0 1e9",
  ])("%s", async (line) => {
    await using session = await node.connect();
    session.send(`${line}\r\nxyz\r\n`);
    session.socket.end();
    const answer = (await session.readToClose()).toString();
    expect(answer).not.toContain("\r\nSTORED");
    expect(answer).not.toMatch(/^STORED/);
  });

  test("an item over the limit is swallowed and refused, and the connection lives", async () => {
    await using session = await node.connect();
    const size = 70 * megabyte;
    session.send(`set q 0 0 ${size}\r\n`);
    const piece = Buffer.alloc(megabyte, "x");
    for (let sent = 0; sent < size; sent += piece.length) {
      await new Promise<void>((resolve) => session.socket.write(piece, () => resolve()));
    }
    session.send("\r\nversion\r\n");
    expect(await session.readLine()).not.toBe("STORED");
    expect(await session.readLine()).toMatch(/^VERSION/);
  });

  test("a thousand clients announce 60 MB each and send little of it", async () => {
    const sockets = await connectMany(1000);
    for (const socket of sockets) socket.write(`set q 0 0 ${60 * megabyte}\r\n${"x".repeat(1000)}`);
    await expectServed();
    for (const socket of sockets) socket.destroy();
  });

  test("a binary frame of 4 GB", async () => {
    await using session = await node.connect();
    const frame = Buffer.alloc(24);
    frame.set([0x80, 0x01, 0, 1, 8]);
    frame.writeUInt32BE(0xffffffff, 8);
    session.send(frame);
    session.socket.end("123456789");
    await session.readToClose();
  });
});

test("half-received items on many connections", async () => {
  const sockets = await connectMany(300);
  for (const socket of sockets) socket.write(`set q 0 0 ${60 * megabyte}\r\n`);
  const piece = Buffer.alloc(megabyte, "x");
  for (let round = 0; round < 3; round++) {
    await Promise.all(sockets.map((socket) => writeOrClosed(socket, piece)));
    await expectServed();
    if (existsSync("/proc/self/status")) expect(await node.residentBytes()).toBeLessThan(residentBytesMax);
  }
  for (const socket of sockets) socket.destroy();
});

test("5,000 connections that say nothing", async ({ skip }) => {
  if (openFilesMax() < 6000) {
    console.warn(`left out: this machine allows a process ${openFilesMax()} open files only`);
    skip();
  }
  const sockets = await connectMany(5000);
  await expectServed();
  await using client = await node.client();
  expect(Number((await client.stats()).get("curr_connections"))).toBeGreaterThanOrEqual(5001);
  for (const socket of sockets) socket.destroy();
});

test("a reader that asks for a lot and doesn't read: it gets its items when it does, others get the rest", async () => {
  const itemCount = 120;
  await using client = await node.client();
  const item = (number: number): Buffer => Buffer.alloc(megabyte, `${number} `);
  for (let i = 0; i < itemCount; i++) expect(await client.put("big", item(i))).toBe("STORED");

  const slow = await node.connect();
  slow.socket.pause();
  slow.send("get big\r\n".repeat(itemCount));
  const left = await settledItems();
  expect(left).toBeGreaterThan(itemCount * 0.8);

  const first = itemCount - left;
  for (let i = first; i < first + 5; i++) expect((await client.get("big"))?.data.equals(item(i))).toBe(true);
  slow.socket.resume();
  for (let i = 0; i < itemCount - 5; i++) {
    const expected = item(i < first ? i : i + 5);
    await slow.expect(`VALUE big 0 ${expected.length}\r\n`);
    expect((await slow.read(expected.length)).equals(expected)).toBe(true);
    await slow.expect("\r\nEND\r\n");
  }
  await slow[Symbol.asyncDispose]();

  /** The length of the queue once it has not changed over many looks. */
  async function settledItems(): Promise<number> {
    let length = -1;
    for (let same = 0; same < 200; ) {
      const now = Number((await client.stats()).get("queue_big_items"));
      same = now === length && now < itemCount ? same + 1 : 0;
      length = now;
    }
    return length;
  }
});

test("a hundred readers that ask for 16 MB each and don't read: closed after a while, and nothing of theirs is lost", {
  timeout: 180_000,
}, async () => {
  // 17 are more than unread answers may take.
  const itemCount = 25;
  const readerCount = 100;
  await using client = await node.client();
  const item = (number: number): Buffer => Buffer.alloc(16 * megabyte, `${number} `);
  for (let i = 0; i < itemCount; i++) expect(await client.put("big", item(i))).toBe("STORED");
  const silent = await connectMany(readerCount);
  for (const socket of silent) {
    socket.pause();
    socket.write("get big/open\r\n");
  }
  await expectServed();
  const closed = (): number => node.log.filter(({ msg }) => msg?.includes("reads too little")).length;
  while (closed() < 3) await client.stats();
  if (existsSync("/proc/self/status")) expect(await node.residentBytes()).toBeLessThan(residentBytesMax);
  expect(closed()).toBeLessThan(readerCount / 2);

  for (const socket of silent) socket.destroy();
  let left = 0;
  while (left < itemCount) left = Number((await client.stats()).get("queue_big_items"));
  for (let i = 0; i < 3; i++) expect((await client.get("big"))?.data.equals(item(i))).toBe(true);
});

/** How many files and connections a process may have open here (Linux). */
function openFilesMax(): number {
  if (!existsSync("/proc/self/limits")) return 0;
  const [, hard] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))!;
  return hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
}

/** Connections that ignore everything that happens to them. */
async function connectMany(count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const batch = 250;
  while (sockets.length < count) {
    const opened = Array.from({ length: Math.min(batch, count - sockets.length) }, () => open());
    sockets.push(...(await Promise.all(opened)));
  }
  return sockets;
}

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(node.port, node.host, () => resolve(socket));
    socket.on("error", reject);
  });
}

function writeOrClosed(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    socket.once("close", () => resolve());
    socket.write(bytes, () => resolve());
  });
}
