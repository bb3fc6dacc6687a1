/**
 * One queue, several readers who each get everything: orders are shipped from `orders`, while `orders+audit` keeps
 * them for the auditors, who come later. Promises that a fanout gets every order from the moment on when it came into
 * being, whatever others have read and confirmed meanwhile, and none from before. Exits with 1 otherwise.
 */

import { deepEqual, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { json, KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";

interface Order {
  readonly id: number;
  readonly what: string;
}

// KESTREL_SERVERS names nodes as "host:port,host:port"; without it, one is started here, in memory.
const given = process.env.KESTREL_SERVERS;
await using node = given ? null : await KestrelServer.start({ memcachePort: 0, queuePath: null });
const servers = given ? given.split(",") : [node!.listeners.memcache!];
await using client = new KestrelClusterClient({ servers, namespace: `fanout-audit-${randomUUID()}` });

async function order(from: number, to: number): Promise<void> {
  const orders = client.queue("orders", json<Order>());
  for (let id = from; id <= to; id++) {
    const { stored } = await orders.put({ id, what: id % 3 === 0 ? "pears" : "apples" });
    ok(stored, `order ${id} was refused`);
  }
  console.log(`orders ${from} to ${to} are put, once each`);
}

/** Reads and confirms what is there. Sorted, since several nodes give out their orders each in its own order. */
async function readAll(queue: string): Promise<number[]> {
  const ids: number[] = [];
  for await (const { value } of client.queue(queue, json<Order>()).items({ wait: 0 })) ids.push(value.id);
  ids.sort((a, b) => a - b);
  console.log(`${queue.padEnd(14)} gave ${ids.length === 0 ? "nothing" : `${ids[0]} to ${ids.at(-1)}`}`);
  return ids;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

// A fanout begins with its first read, on every node. One that the settings of the nodes name is there from the start.
deepEqual(await readAll("orders+audit"), []);
await order(1, 20);
deepEqual(await readAll("orders"), range(1, 20));

// Who comes later gets what comes later.
deepEqual(await readAll("orders+report"), []);
await order(21, 30);
deepEqual(await readAll("orders"), range(21, 30));
deepEqual(await readAll("orders+report"), range(21, 30));

// All was shipped long ago, and is still there for the auditors.
deepEqual(await readAll("orders+audit"), range(1, 30));
console.log("Each reader got every order of its time, once.");

for (const queue of ["orders+audit", "orders+report", "orders"]) await client.delete(queue);
