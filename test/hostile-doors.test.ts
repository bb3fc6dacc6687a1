/**
 * Strangers at every port of a node at once: noise, spoilt conversations of the right protocol and of others, and
 * connections that go in the middle of something. The node lives, its memory stays bounded, and whoever behaves is
 * served. `KESTREL_FUZZ_MS` says for how long; the seed is printed.
 */

import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "./crash/random.ts";
import { findFreePort } from "./harness/free-port.ts";
import { KestrelNode } from "./harness/kestrel-node.ts";
import { WireSession } from "./harness/wire-session.ts";

const fuzzMs = Number(process.env.KESTREL_FUZZ_MS ?? 3000);
const megabyte = 1024 * 1024;
const residentBytesMax = 700 * megabyte;
const strangers = 20;
let node: KestrelNode;
let textPort: number;
let thriftPort: number;

beforeAll(async () => {
  textPort = await findFreePort();
  thriftPort = await findFreePort();
  const flags = ["--text-port", String(textPort), "--thrift-port", String(thriftPort)];
  node = await KestrelNode.start({ flags });
});

afterAll(() => node?.[Symbol.asyncDispose]());

/** A call as thrift's clients send it: a frame, a versioned header, and these arguments. */
function thriftCall(name: string, ...fields: Buffer[]): Buffer {
  const head = Buffer.concat([int32(0x8001_0001), string(name), int32(7)]);
  const body = Buffer.concat([head, ...fields, Buffer.of(0)]);
  return Buffer.concat([int32(body.length), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function string(text: string): Buffer {
  return Buffer.concat([int32(Buffer.byteLength(text)), Buffer.from(text)]);
}

const name = Buffer.concat([Buffer.of(11, 0, 1), string("spoilt")]);
const count = (id: number, value: number): Buffer => Buffer.concat([Buffer.of(8, 0, id), int32(value)]);
const items = Buffer.concat([
  Buffer.of(15, 0, 2, 11),
  int32(3),
  string("a"),
  string("b".repeat(5000)),
  string(""),
]);

/** What is spoilt. */
const conversations: readonly Buffer[] = [
  Buffer.from(
    "set spoilt 0 0 5\r\nhello\r\nget spoilt/open/t=5\r\nget spoilt/close\r\nstats\r\nmonitor spoilt 1 2\r\n",
  ),
  Buffer.from("80010006080000000000000e0000000000000000000000000000000073706f696c7468656c6c6f", "hex"),
  Buffer.from(
    "put spoilt 50:\r\none\r\ntwo\r\n\r\nget spoilt 5\r\nmonitor spoilt 5 3\r\nconfirm spoilt 1\r\n",
  ),
  Buffer.from(`put spoilt:\n${"item\n".repeat(1100)}\nflush spoilt\nstatus\n`),
  Buffer.concat([
    thriftCall("put", name, items),
    thriftCall("get", name, count(2, 10), count(3, 5), count(4, 50)),
    thriftCall("peek", name),
    thriftCall("confirm", name, Buffer.of(14, 0, 2, 10), int32(1), Buffer.alloc(8, 1)),
    thriftCall("nothing"),
  ]),
];

function spoil(random: Random, conversation: Buffer): Buffer {
  const bytes = Buffer.from(conversation);
  for (let faults = random.whole(0, 6); faults > 0; faults--) {
    bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255);
  }
  if (random.chance(0.2)) return bytes.subarray(random.whole(0, bytes.length - 1));
  return random.chance(0.3) ? bytes.subarray(0, random.whole(1, bytes.length)) : bytes;
}

/** One stranger after the other, at any port. */
async function annoy(random: Random, deadline: number): Promise<void> {
  while (Date.now() < deadline) {
    const port = [node.port, textPort, thriftPort][random.whole(0, 2)]!;
    const socket = connect(port, node.host);
    socket.on("error", () => {});
    socket.resume();
    const closed = once(socket, "close");
    await Promise.race([once(socket, "connect"), closed]);
    for (let pieces = random.whole(1, 5); pieces > 0 && !socket.destroyed; pieces--) {
      const bytes = random.chance(0.3)
        ? random.bytes(random.magnitude(1, 5000))
        : spoil(random, conversations[random.whole(0, conversations.length - 1)]!);
      socket.write(bytes);
      if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve));
    }
    if (random.chance(0.5)) socket.end();
    else socket.destroy();
    if (random.chance(0.5)) setTimeout(() => socket.destroy(), 50);
    else await closed.catch(() => {});
  }
}

/** At each port somebody puts and gets. */
async function expectServed(): Promise<void> {
  await using client = await node.client();
  expect(await client.put("bystander", "memcache")).toBe("STORED");
  expect(String((await client.get("bystander"))?.data)).toBe("memcache");

  await using text = await WireSession.connect(textPort);
  text.send("put bystander:\ntext\n\nget bystander\nconfirm bystander 1\n");
  await text.expect("+1\n:text\n+1\n");

  await using thrift = await WireSession.connect(thriftPort);
  const bystander = Buffer.concat([Buffer.of(11, 0, 1), string("bystander")]);
  thrift.send(thriftCall("put", bystander, Buffer.of(15, 0, 2, 11), int32(1), string("thrift")));
  thrift.send(thriftCall("get", bystander, count(2, 1)));
  await thrift.expect(answer("put", Buffer.concat([count(0, 1), Buffer.of(0)])));
  const item = Buffer.concat([
    Buffer.of(11, 0, 1),
    string("thrift"),
    Buffer.of(10, 0, 2),
    Buffer.alloc(8),
    Buffer.of(0),
  ]);
  const list = Buffer.concat([Buffer.of(15, 0, 0, 12), int32(1), item, Buffer.of(0)]);
  await thrift.expect(answer("get", list));
}

function answer(method: string, result: Buffer): Buffer {
  const body = Buffer.concat([int32(0x8001_0002), string(method), int32(7), result]);
  return Buffer.concat([int32(body.length), body]);
}

test("strangers at every port", { timeout: fuzzMs + 60_000 }, async () => {
  const random = Random.announced("KESTREL_DOORS_SEED");
  const deadline = Date.now() + fuzzMs;
  const annoying = Promise.all(Array.from({ length: strangers }, () => annoy(random, deadline)));
  while (Date.now() < deadline) {
    await expectServed().catch((error: Error) => {
      throw new Error(`${error.message}\n${node.logText()}`, { cause: error });
    });
    if (existsSync("/proc/self/status")) expect(await node.residentBytes()).toBeLessThan(residentBytesMax);
  }
  await annoying;
  await expectServed();
});
