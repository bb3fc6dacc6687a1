/**
 * Order where it matters: what happens to one account is handled in the order in which it happened, although the
 * queue is spread over three nodes. Promises that all items of a key are on one node, and come from there in the order
 * in which they were put; between accounts there is no order, and none is needed. Exits with 1 otherwise.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { json, KestrelClusterClient, type ServerSpec } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";

interface Booking {
  readonly account: string;
  readonly step: number;
}

const accounts = Array.from({ length: 12 }, (_, index) => `account-${index + 1}`);
const stepCount = 50;
const namespace = `per-key-order-${randomUUID()}`;

/** A booking waits for the one before of its account. Different accounts wait for nobody. */
async function put(servers: ServerSpec[]): Promise<void> {
  await using client = new KestrelClusterClient({ servers, namespace });
  const bookings = client.queue("bookings", json<Booking>());
  const putAccount = async (account: string): Promise<void> => {
    for (let step = 1; step <= stepCount; step++) {
      // With `orderedOnly`, no other node stands in while the account's own is down: the put rejects instead.
      const { stored } = await bookings.put({ account, step }, { key: account, orderedOnly: true });
      ok(stored, `${account}, step ${step} was refused`);
    }
  };
  await Promise.all(accounts.map(putAccount));
}

/** One reader for each node, with one item in hand: the nodes are read all at once, and each in its order. */
async function readNode(server: ServerSpec): Promise<Booking[]> {
  await using client = new KestrelClusterClient({ servers: [server], namespace });
  const read: Booking[] = [];
  for await (const { value } of client.queue("bookings", json<Booking>()).items({ wait: 0 }))
    read.push(value);
  await client.delete("bookings");
  return read;
}

// KESTREL_SERVERS names nodes as "host:port,host:port"; without it, three are started here, in memory.
const given = process.env.KESTREL_SERVERS;
const ownCount = given ? 0 : 3;
const nodes = await Promise.all(
  Array.from({ length: ownCount }, () => KestrelServer.start({ memcachePort: 0, queuePath: null })),
);
const servers: ServerSpec[] = given ? given.split(",") : nodes.map((node) => node.listeners.memcache!);

await put(servers);
console.log(`${accounts.length * stepCount} bookings of ${accounts.length} accounts are put`);
const byNode = await Promise.all(servers.map(readNode));
await Promise.all(nodes.map((node) => node.stop()));

const inOrder = Array.from({ length: stepCount }, (_, index) => index + 1);
const homes = new Map<string, number>();
for (const [index, read] of byNode.entries()) {
  const byAccount = new Map<string, number[]>();
  for (const { account, step } of read) byAccount.set(account, [...(byAccount.get(account) ?? []), step]);
  for (const [account, steps] of byAccount) {
    equal(homes.get(account), undefined, `${account} is on two nodes`);
    homes.set(account, index);
    deepEqual(steps, inOrder, `the order of ${account}`);
  }
  console.log(
    `node ${index + 1}: ${read.length} bookings, ${[...byAccount.keys()].join(", ") || "of nobody"}`,
  );
}
equal(homes.size, accounts.length, "accounts that were found");
console.log("Every account is on one node, and in order.");
