/**
 * Ten thousand connections that come and go, in every way there is to go: others are served meanwhile, nothing of
 * theirs is lost, and nothing is left of them afterwards. KESTREL_CONNECTIONS sets how many.
 */

import { existsSync, readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { Random } from "../crash/random.ts";
import type { AsciiClient } from "../harness/ascii-client.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";

const connections = Number(process.env.KESTREL_CONNECTIONS ?? 10_000);
/** At the same time. */
const visitorsMax = 2_000;
const arrivalsAtOnce = 100;
const treasures = 50;

test(`${connections} connections come and go`, { timeout: 60_000 + connections * 10 }, async ({ skip }) => {
  if (!existsSync("/proc/self/fd") || openFilesMax() < visitorsMax + 500) {
    console.warn("left out: this machine doesn't tell of open files, or allows too few");
    return skip();
  }
  const random = Random.announced("KESTREL_CONNECTIONS_SEED");
  await using node = await KestrelNode.start({ flags: ["--log-level", "warn"] });
  await using client = await node.client();
  for (let i = 0; i < treasures; i++) expect(await client.put("treasure", `${i}`)).toBe("STORED");
  // Every queue of this test has its journal by now.
  for (const queue of ["bystander", "nothing", "half"]) expect(await client.get(queue)).toBeNull();
  const before = await openFiles(node);

  let isOver = false;
  let served = 0;
  const bystander = (async () => {
    for (; !isOver; served++) {
      expect(await client.put("bystander", `${served}`)).toBe("STORED");
      expect((await client.get("bystander"))?.data.toString()).toBe(`${served}`);
    }
  })();
  const visitors: Socket[] = [];
  for (let come = 0; come < connections; come += arrivalsAtOnce) {
    visitors.push(...(await Promise.all(Array.from({ length: arrivalsAtOnce }, () => arrive(node, random)))));
    while (visitors.length > visitorsMax)
      leave(visitors.splice(random.whole(0, visitors.length - 1), 1)[0]!, random);
  }
  const most = visitors.length;
  for (const visitor of visitors) leave(visitor, random);
  await untilAlone(client);
  isOver = true;
  await bystander;

  expect(served).toBeGreaterThan(connections / arrivalsAtOnce);
  // Nobody confirmed anything: all that they opened is back, in its order.
  for (let i = 0; i < treasures; i++) expect((await client.get("treasure"))?.data.toString()).toBe(`${i}`);
  expect(await client.get("treasure")).toBeNull();
  const after = await openFiles(node);
  expect(after, "open files, for good").toBeLessThanOrEqual(before + 2);
  expect(node.log, node.logText()).toEqual([]);
  console.log(
    `${connections} connections, ${most} at a time: files and sockets ${before} before, ${after} after, ${served} others served`,
  );
});

/** Connects and says something, or half of it, or nothing. */
async function arrive(node: KestrelNode, random: Random): Promise<Socket> {
  const socket = connect({ port: node.port, host: node.host, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  // A node may end a connection while it is being reset from here.
  socket.on("error", () => {});
  const words = [
    "",
    "get treasure/open\r\n",
    "get nothing/t=60000\r\n",
    "set half 0 0 1000\r\nonly so",
    "get tr",
    "stats\r\n",
  ];
  socket.write(words[random.whole(0, words.length - 1)]!);
  if (random.chance(0.7)) socket.resume();
  return socket;
}

/** In every way there is: a farewell, half a farewell, none, a reset. */
function leave(socket: Socket, random: Random): void {
  const way = random.whole(0, 3);
  if (way === 0)
    socket
      .resume()
      .end("quit\r\n")
      .on("end", () => socket.destroy());
  else if (way === 1)
    socket
      .resume()
      .end()
      .on("end", () => socket.destroy());
  else if (way === 2) socket.destroy();
  else socket.resetAndDestroy();
}

/** Until this is the node's only client again. */
async function untilAlone(client: AsciiClient): Promise<void> {
  while (Number((await client.stats()).get("curr_connections")) > 1);
}

async function openFiles(node: KestrelNode): Promise<number> {
  return (await readdir(`/proc/${node.pid}/fd`)).length;
}

/** How many files and connections a process may have open here (Linux). */
function openFilesMax(): number {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))!;
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}
