/**
 * Ending a worker in the middle of its work, as a deployment does: on SIGTERM it takes nothing new, quick handlers
 * finish, and what is not done by the deadline goes back to its queue. Promises that each job was either done or is
 * in its queue again: none is lost, none is there twice. Exits with 1 otherwise.
 */

import { deepEqual, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { type ConsumedItem, json, KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";

interface Job {
  readonly number: number;
  readonly lastsMs: number;
}

const jobCount = 100;
const jobsBeforeSignal = 30;
const deadlineMs = 500;
const namespace = `graceful-shutdown-${randomUUID()}`;

// KESTREL_SERVERS names nodes as "host:port,host:port"; without it, one is started here, in memory.
const given = process.env.KESTREL_SERVERS;
await using node = given ? null : await KestrelServer.start({ memcachePort: 0, queuePath: null });
const servers = given ? given.split(",") : [node!.listeners.memcache!];

const done: number[] = [];

async function work({ number, lastsMs }: Job, { signal }: ConsumedItem): Promise<void> {
  // Aborted at the deadline, so that a handler which looks at it ends in time and does nothing more with the item.
  await pause(lastsMs, undefined, { signal });
  done.push(number);
  // Nobody else is here to send it.
  if (done.length === jobsBeforeSignal) process.kill(process.pid, "SIGTERM");
}

/** The worker as one would write it: it works until it is told to end, and then ends well. */
async function runWorker(): Promise<void> {
  await using client = new KestrelClusterClient({ servers, namespace });
  client.on("item:failed", ({ item, action }) => {
    console.log(`job ${(item.json() as Job).number} was not done in time: ${action}`);
  });
  const told = once(process, "SIGTERM");
  const consumer = client.queue("jobs", json<Job>()).consume(work, { concurrency: 8 });
  // The consumer ends by itself only when a node refuses what it asks; then this rejects.
  await Promise.race([told, consumer.finished]);
  console.log(`SIGTERM: ${consumer.handled} jobs are done, ${consumer.running} are being done`);
  await consumer.stop({ deadline: deadlineMs });
  console.log(
    `the worker has stopped: ${consumer.handled} jobs are done, ${consumer.running} are being done`,
  );
}

await using client = new KestrelClusterClient({ servers, namespace });
const jobs = client.queue("jobs", json<Job>());
const numbers = Array.from({ length: jobCount }, (_, index) => index + 1);
// Every tenth job takes an hour.
const all = numbers.map((number): Job => ({ number, lastsMs: number % 10 === 5 ? 3_600_000 : number }));
for (const job of all) ok((await jobs.put(job)).stored, `job ${job.number} was refused`);

await runWorker();

const left: number[] = [];
for await (const { value } of jobs.items({ wait: 0 })) left.push(value.number);
console.log(`in the queue are ${left.length} jobs, the first ones are ${left.slice(0, 4).join(", ")}`);

const accounted = [...done, ...left].sort((a, b) => a - b);
deepEqual(accounted, numbers);
ok(done.length < jobCount && left.length > 0, "it was to be ended in the middle of its work");
console.log(`${done.length} done, ${left.length} left: all ${jobCount} jobs are accounted for.`);
await client.delete("jobs");
