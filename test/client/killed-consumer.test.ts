/**
 * A consumer that tries failed items again, and is killed again and again, also between putting such an item and confirming
 * it: every item is handled or is a dead letter, none before its last attempt, and a kill may double one, never lose it.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { KestrelClusterClient } from "@kestrel-mq/client";
import { expect, test, vi } from "vitest";
import { Random } from "../crash/random.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";

const program = fileURLToPath(new URL("../dist/client/retrying-consumer.js", import.meta.url));
/** There to end a hang: so much is done here that a loaded machine takes its time. */
vi.setConfig({ testTimeout: 240_000 });

const itemCount = 600;
const attemptsMax = 4;
const concurrency = 4;
const flags = 0x0200_0010;

test("a consumer that is killed while it tries items again loses none, and counts their attempts right", async () => {
  const random = Random.announced("CLIENT_KILLS_SEED");
  await using first = await KestrelNode.start();
  await using second = await KestrelNode.start();
  const servers = [first.address, second.address];
  await using client = new KestrelClusterClient({ servers });
  const texts = Array.from(
    { length: itemCount },
    (_, index) => `${index % 3 === 0 ? "bad" : "good"}-${index}`,
  );
  const outcomes = await client.putMany("jobs", texts, { flags });
  expect(outcomes.every(({ stored }) => stored === true)).toBe(true);

  const bad = texts.filter((text) => text.startsWith("bad"));
  const attempts = new Map<string, number[]>(texts.map((text) => [text, []]));
  const strange: string[] = [];
  const dead = new Map<string, number>();
  client.consume("jobs-dead", (item) => {
    if (item.flags !== flags) strange.push(`${item.text()} has flags ${item.flags}`);
    dead.set(item.text(), (dead.get(item.text()) ?? 0) + 1);
  });
  const isDone = (): boolean =>
    dead.size === bad.length && texts.every((text) => attempts.get(text)!.length > 0);

  /** Lets a consumer make so many attempts, or all that there are to be made, and kills it. */
  async function runAndKill(length: number): Promise<void> {
    const child = spawn(process.execPath, [program, ...servers], { stdio: ["ignore", "pipe", "inherit"] });
    const closed = once(child, "close");
    let made = 0;
    createInterface(child.stdout!).on("line", (line) => {
      const [text, attempt, seenFlags] = line.split(" ") as [string, string, string];
      if (Number(seenFlags) !== flags || Number(attempt) > attemptsMax) strange.push(line);
      attempts.get(text)?.push(Number(attempt));
      made++;
    });
    while (made < length && !isDone()) await pause(1);
    child.kill("SIGKILL");
    await closed;
  }

  let kills = 0;
  for (; !isDone(); kills++) await runAndKill(random.magnitude(1, 300));

  expect(strange).toEqual([]);
  for (const text of bad) expect(new Set(attempts.get(text)), text).toEqual(new Set([1, 2, 3, attemptsMax]));
  expect([...dead.keys()].toSorted()).toEqual(bad.toSorted());
  // What each handler had in hand at a kill, and nothing else, may have come twice.
  const surplus =
    texts.reduce((sum, text) => sum + attempts.get(text)!.length, 0) - (itemCount + 3 * bad.length);
  const doubledDead = [...dead.values()].reduce((sum, times) => sum + times - 1, 0);
  console.log(`${kills} kills, ${surplus} attempts more than needed, ${doubledDead} dead letters twice`);
  expect(surplus + doubledDead).toBeLessThanOrEqual(kills * concurrency * 5);
});
