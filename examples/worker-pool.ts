/**
 * A pool of workers: eight handlers at a time make thumbnails of images. Some fail at the first attempt and are tried
 * again; some can't be made at all, and end as dead letters, where somebody may look at them. Promises that each
 * image becomes a thumbnail or a dead letter, and is never tried more often than it may. Exits with 1 otherwise.
 */

import { deepEqual, equal, ok } from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type ConsumedItem, json, KestrelClusterClient } from "@kestrel-mq/client";
import { KestrelServer } from "@kestrel-mq/server";

interface Image {
  readonly number: number;
  readonly quality: "good" | "flaky" | "broken";
}

const imageCount = 60;
const maxAttempts = 3;
const waitMs = 10_000;

// KESTREL_SERVERS names nodes as "host:port,host:port"; without it, one is started here, in memory.
const given = process.env.KESTREL_SERVERS;
await using node = given ? null : await KestrelServer.start({ memcachePort: 0, queuePath: null });
const servers = given ? given.split(",") : [node!.listeners.memcache!];
await using client = new KestrelClusterClient({ servers, namespace: `worker-pool-${randomUUID()}` });

const images = client.queue("images", json<Image>());
const thumbnails = client.queue("thumbnails", json<Image>());
const deadLetters = client.queue("images-failed", json<Image>());

const attempts = new Map<number, number>();

/** The item is confirmed when this resolves. When it throws, `onFailure` says what becomes of it. */
async function makeThumbnail(image: Image, item: ConsumedItem): Promise<void> {
  attempts.set(image.number, (attempts.get(image.number) ?? 0) + 1);
  await pause(5);
  if (image.quality === "broken") throw new Error("this is no image");
  if (image.quality === "flaky" && item.attempt === 1) throw new Error("out of memory");
  const { stored } = await thumbnails.put(image);
  if (!stored) throw new Error("no room for the thumbnail");
}

const pool = images.consume(makeThumbnail, {
  concurrency: 8,
  onFailure: {
    maxAttempts,
    // Items that failed wait in a queue of their own; new ones are preferred to them.
    retryQueue: "images-again",
    deadLetterQueue: "images-failed",
    backoff: { minMs: 20, maxMs: 200 },
  },
});
client.on("item:failed", ({ item, error, action }) => {
  const { number } = item.json() as Image;
  console.log(`image ${number}, attempt ${item.attempt}: ${(error as Error).message}: ${action}`);
});

const all = Array.from({ length: imageCount }, (_, index): Image => {
  const number = index + 1;
  return { number, quality: number % 20 === 0 ? "broken" : number % 15 === 7 ? "flaky" : "good" };
});
for (const image of all) ok((await images.put(image)).stored, `image ${image.number} was refused`);

// As many as there must be. One that is missing ends its wait with null, and the checks below tell.
const broken = all.filter(({ quality }) => quality === "broken");
const made: (Image | undefined)[] = [];
while (made.length < all.length - broken.length) made.push((await thumbnails.get({ wait: waitMs }))?.value);
const dead: (Image | undefined)[] = [];
while (dead.length < broken.length) dead.push((await deadLetters.get({ wait: waitMs }))?.value);
await pool.stop();

const numbersOf = (some: (Image | undefined)[]): number[] =>
  some.map((image) => image?.number ?? 0).sort((a, b) => a - b);
deepEqual(numbersOf(made), numbersOf(all.filter((image) => !broken.includes(image))));
deepEqual(numbersOf(dead), numbersOf(broken));
const attemptsDue = { good: 1, flaky: 2, broken: maxAttempts };
for (const { number, quality } of all)
  equal(attempts.get(number), attemptsDue[quality], `attempts of image ${number}`);
console.log(
  `${made.length} thumbnails, ${dead.length} dead letters, of ${all.length} images: all accounted for.`,
);

for (const queue of ["images", "images-again", "images-failed", "thumbnails"]) await client.delete(queue);
