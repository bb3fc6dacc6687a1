/**
 * Doing things later: a queue that nobody reads, whose items expire into the queue that is read. The nodes do it all;
 * a delayed job is on their disks like any other, and no process has to remember it. Promises that no job comes
 * before its time, and that short delays overtake long ones. Exits with 1 otherwise.
 *
 * The delays are rules of the nodes. Those that KESTREL_SERVERS names need them in their settings, and these
 * queues empty:
 *
 *     "queues": [
 *       { "name": "reminders-1s", "maxAge": "1s", "expireToQueue": "reminders" },
 *       { "name": "reminders-3s", "maxAge": "3s", "expireToQueue": "reminders" }
 *     ]
 */

import { deepEqual, ok } from "node:assert/strict";
import { json, KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer, QueueRules } from "@kestrel-mq/server";

interface Reminder {
  readonly text: string;
  /** When it is to come, in ms since 1970. */
  readonly dueMs: number;
}

/** One queue for each delay: only the head of a queue is looked at, so a short delay would wait behind a long one. */
const delays = { "reminders-1s": 1_000, "reminders-3s": 3_000 };
const rules = new QueueRules({
  queues: Object.entries(delays).map(([name, maxAgeMs]) => [name, { maxAgeMs, expireToQueue: "reminders" }]),
});

// KESTREL_SERVERS names nodes as "host:port,host:port"; without it, one is started here, in memory.
const given = process.env.KESTREL_SERVERS;
await using node = given
  ? null
  : await KestrelServer.start({
      memcachePort: 0,
      queuePath: null,
      rules,
      // How often queues that nobody reads are looked at, and so how late a job may be; a second unless set.
      expirationTimerFrequencyMs: 100,
    });
const servers = given ? given.split(",") : [node!.listeners.memcache!];
await using client = new KestrelClusterClient({ servers });

async function remind(text: string, queue: keyof typeof delays | "reminders"): Promise<void> {
  const delayMs = queue === "reminders" ? 0 : delays[queue];
  const reminder = { text, dueMs: Date.now() + delayMs };
  const { stored } = await client.queue(queue, json<Reminder>()).put(reminder);
  ok(stored, `${queue} refused a reminder`);
  console.log(`put into ${queue.padEnd(12)}  ${text}`);
}

await remind("water the flowers", "reminders-3s");
await remind("take the tea out", "reminders-1s");
await remind("call your mother", "reminders");

const reminders = client.queue("reminders", json<Reminder>());
const texts: string[] = [];
while (texts.length < 3) {
  const reminder = await reminders.get({ wait: 10_000 });
  ok(reminder !== null, `only ${texts.length} of 3 reminders came`);
  const { text, dueMs } = reminder.value;
  const lateMs = Date.now() - dueMs;
  console.log(`${text}: ${lateMs} ms after it was due`);
  // Clocks tick once a millisecond.
  ok(lateMs >= -1, `"${text}" came too early`);
  texts.push(text);
}
deepEqual(texts, ["call your mother", "take the tea out", "water the flowers"]);
console.log("Each in its time.");
