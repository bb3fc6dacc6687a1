/**
 * Strangers at the admin port: requests of a grammar that knows the port's words and HTTP's corners, spoilt, cut,
 * glued together, sent by drops, with headers and bodies too large or never finished, and viewers of the live stream
 * that don't read. Nothing of it is answered with 500 or costs memory, and the queues go on. `KESTREL_ADMIN_FUZZ_MS`
 * says for how long; the seed is printed.
 */

import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../crash/random.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";

const fuzzMs = Number(process.env.KESTREL_ADMIN_FUZZ_MS ?? 3000);
const megabyte = 1024 * 1024;
const residentBytesMax = 400 * megabyte;
const strangers = 16;
const receivedBytesMax = 4 * megabyte;

const methods = [
  "GET",
  "GET",
  "GET",
  "HEAD",
  "POST",
  "DELETE",
  "PUT",
  "OPTIONS",
  "TRACE",
  "get",
  "PATCH",
  "X",
];
const paths = [
  "/",
  "/ping",
  "/stats",
  "/stats.json",
  "/stats.txt",
  "/metrics",
  "/server_info",
  "/history",
  "/live",
  "/queues",
  "/queues/a",
  "/queues/a%2Bb",
  "/queues/a/items",
  "/queues/a/history",
  "/queues/a/flush",
  "/queues/a/delete",
  "/queues/%ff/items",
  "/queues//items",
  "/page/page.css",
  "/page/../../package.json",
  "/page/%2e%2e%2f%2e%2e%2fpackage.json",
  "/nothing",
  "*",
  "http://elsewhere/queues",
];
const queries = [
  "",
  "",
  "?",
  "?first=5",
  "?first=-1",
  "?first=1e99",
  "?period=60",
  "?queue=a",
  "?a=%",
  "?a&a&a",
];
const bodies = ["", "", "{}", "[]", "null", '"up"', '{"__proto__":1}', "{", "\u0000", "[".repeat(3000)];

let node: KestrelNode;
const statuses = new Map<string, number>();

beforeAll(async () => {
  node = await KestrelNode.start({ flags: ["--admin-port", "0"] });
});

afterAll(() => node?.[Symbol.asyncDispose]());

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.whole(0, from.length - 1)]!;
}

/** A request that may be right, or nearly. What changes the node's status is not among them. */
function request(random: Random): string {
  const path = random.chance(0.05) ? `/${"a".repeat(random.magnitude(10, 30_000))}` : pick(random, paths);
  const body = random.chance(0.05) ? "x".repeat(random.magnitude(1000, 200_000)) : pick(random, bodies);
  const lines = [
    `${pick(random, methods)} ${path}${pick(random, queries)} HTTP/${pick(random, ["1.1", "1.1", "1.0", "9"])}`,
  ];
  if (random.chance(0.9)) lines.push(`Host: ${pick(random, ["127.0.0.1", "localhost", "elsewhere", ""])}`);
  if (random.chance(0.5))
    lines.push(`Content-Type: ${pick(random, ["application/json", "text/plain", ";"])}`);
  if (random.chance(0.2))
    lines.push(`Origin: ${pick(random, ["http://127.0.0.1", "null", "http://elsewhere"])}`);
  if (random.chance(0.2))
    lines.push(`Authorization: ${pick(random, ["Basic", "Basic YTpi", "Bearer x", "\t"])}`);
  if (random.chance(0.1)) lines.push(`Accept-Encoding: ${pick(random, ["gzip", "*;q=0", "gzip;q=x"])}`);
  if (random.chance(0.05))
    lines.push(...Array.from({ length: random.magnitude(1, 500) }, (_, i) => `X-${i}: ${i}`));
  if (random.chance(0.05)) lines.push(`X-Large: ${"x".repeat(random.magnitude(100, 50_000))}`);
  if (random.chance(0.2)) {
    const pieces = `${body.length.toString(16)}\r\n${body}\r\n${random.chance(0.5) ? "0\r\n\r\n" : ""}`;
    return `${[...lines, "Transfer-Encoding: chunked"].join("\r\n")}\r\n\r\n${pieces}`;
  }
  const size = random.chance(0.1) ? pick(random, [-1, 1e9, 5, Number.NaN]) : body.length;
  if (body !== "" || random.chance(0.3)) lines.push(`Content-Length: ${size}`);
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

function spoil(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  for (let faults = random.whole(1, 4); faults > 0; faults--) {
    bytes[random.whole(0, bytes.length - 1)] = random.whole(0, 255);
  }
  return random.chance(0.3) ? bytes.subarray(0, random.whole(1, bytes.length)) : bytes;
}

/** Notes the status of every answer whose first line comes whole. */
function readStatuses(socket: Socket): void {
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    for (const [, status] of chunk.toString("latin1").matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      statuses.set(status!, (statuses.get(status!) ?? 0) + 1);
    }
    if (bytes > receivedBytesMax) socket.destroy();
  });
}

async function annoy(random: Random, deadline: number): Promise<void> {
  // On a busy machine it may take longer until one of them has asked for something that is there.
  while (Date.now() < deadline || (!statuses.has("200") && Date.now() < deadline + 30_000)) {
    const socket = connect(node.adminPort, node.host);
    socket.on("error", () => {});
    readStatuses(socket);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), closed]);
    const texts = Array.from({ length: random.magnitude(1, 20) }, () => request(random));
    if (random.chance(0.1)) socket.pause();
    if (random.chance(0.3)) socket.write(spoil(random, texts.join("")));
    else if (random.chance(0.1)) await drip(socket, texts[0]!, random);
    else socket.write(texts.join(""), "latin1");
    if (random.chance(0.2)) socket.resetAndDestroy();
    else if (random.chance(0.3)) socket.end();
    // Some wait for the answers; nobody for ever, since a viewer's stream has no end.
    const timer = setTimeout(() => socket.destroy(), random.whole(1, 60));
    await closed;
    clearTimeout(timer);
  }
}

async function drip(socket: Socket, text: string, random: Random): Promise<void> {
  for (let at = 0; at < Math.min(text.length, 300) && !socket.destroyed; ) {
    const next = at + random.whole(1, 20);
    socket.write(text.slice(at, next), "latin1");
    await new Promise((resolve) => setImmediate(resolve));
    at = next;
  }
}

async function expectServed(): Promise<void> {
  await using client = await node.client();
  expect(await client.put("bystander", "memcache")).toBe("STORED");
  expect(String((await client.get("bystander"))?.data)).toBe("memcache");
}

test("strangers at the admin port", { timeout: fuzzMs + 60_000 }, async () => {
  const random = Random.announced("KESTREL_ADMIN_SEED");
  const deadline = Date.now() + fuzzMs;
  const annoying = Promise.all(Array.from({ length: strangers }, () => annoy(random, deadline)));
  while (Date.now() < deadline) {
    await expectServed();
    if (existsSync("/proc/self/status")) expect(await node.residentBytes()).toBeLessThan(residentBytesMax);
  }
  await annoying;
  const page = await fetch(`http://${node.host}:${node.adminPort}/stats.json`);
  expect(page.status).toBe(200);
  const failures = node.log.filter(({ level = 0 }) => level >= 50);
  expect(failures, "errors in the log").toEqual([]);
  const counts = [...statuses].sort().map(([status, count]) => `${status}: ${count}`);
  console.log(`answers at the admin port by status: ${counts.join(", ")}`);
  expect(
    [...statuses.keys()].filter((status) => status.startsWith("5")),
    counts.join(),
  ).toEqual([]);
  expect(statuses.get("200")).toBeGreaterThan(0);
});
