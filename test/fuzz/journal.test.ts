/**
 * A spool folder spoilt at random - bits, cuts, pieces left out, doubled, zeroed or overwritten, files replaced or
 * gone - and a server started on it, again and again: it starts, gives nothing that was never put, nothing twice to one
 * reader, all in order, and takes new items. What the server says of the damage is not judged.
 * KESTREL_JOURNAL_FUZZ_MS says for how long; the seed is printed.
 */

import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KestrelServer, QueueRules } from "@kestrel-mq/server";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Random } from "../crash/random.ts";
import { TempFolder } from "../harness/temp-folder.ts";

const fuzzMs = Number(process.env.KESTREL_JOURNAL_FUZZ_MS ?? 2000);
const itemCount = 300;
const readers = ["q", "q+fanout"];
const rules = new QueueRules({ default: { defaultJournalSizeBytes: 8_000 } });
let folder: TempFolder;
let original: string;

beforeAll(async () => {
  folder = await TempFolder.create();
  original = join(folder.path, "original");
  await fill(original);
});

afterAll(() => folder?.[Symbol.asyncDispose]());

function start(spool: string): Promise<KestrelServer> {
  return KestrelServer.start({ queuePath: spool, rules, memcachePort: null });
}

/** Several segments: items of all sizes, some taken by one of the readers, some confirmed out of order. */
async function fill(spool: string): Promise<void> {
  await using server = await start(spool);
  const { queues } = server;
  await queues.get("q+fanout");
  for (let number = 0; number < itemCount; number++) {
    expect(await queues.put("q", item(number))).toBe(true);
    if (number % 7 === 0) await queues.get("q+fanout");
    if (number % 11 === 0) {
      const first = await queues.open("q");
      const second = await queues.open("q");
      await second?.confirm();
      first?.abort();
    }
  }
}

function item(number: number): string {
  return `${number} ${"x".repeat((number * 37) % 400)}`;
}

/** One to three faults in one to three of the files. */
async function spoil(random: Random, spool: string): Promise<void> {
  const files = (await readdir(spool, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const any = (): string => files[random.whole(0, files.length - 1)]!;
  for (let spoilt = random.whole(1, 3); spoilt > 0; spoilt--) {
    const file = any();
    const chance = random.next();
    if (chance < 0.05) await rm(file, { force: true });
    else if (chance < 0.1) await cp(any(), file, { force: true }).catch(ignoreGone);
    else await writeFile(file, spoilBytes(random, await readFile(file).catch(() => Buffer.alloc(0))));
  }
}

/** A file that an earlier fault took away can't be copied. */
function ignoreGone(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT" && error.code !== "ERR_FS_CP_EINVAL") throw error;
}

function spoilBytes(random: Random, whole: Buffer): Buffer {
  if (whole.length === 0) return random.bytes(random.magnitude(1, 500));
  let bytes = Buffer.from(whole);
  for (let faults = random.whole(1, 3); faults > 0 && bytes.length > 0; faults--) {
    const from = random.whole(0, bytes.length - 1);
    const to = Math.min(bytes.length, from + random.magnitude(1, 2000));
    const [before, after] = [bytes.subarray(0, from), bytes.subarray(to)];
    const kind = random.whole(0, 6);
    if (kind === 0) bytes[from] = bytes[from]! ^ (1 << random.whole(0, 7));
    else if (kind === 1) bytes = Buffer.from(before);
    else if (kind === 2) bytes = Buffer.concat([before, after]);
    else if (kind === 3) bytes.fill(0, from, to);
    else if (kind === 4) bytes = Buffer.concat([before, random.bytes(to - from), after]);
    else if (kind === 5) bytes = Buffer.concat([bytes, random.bytes(random.magnitude(1, 1000))]);
    else {
      // Anywhere in the file, behind itself above all: whole frames may be there twice.
      const at = random.chance(0.5) ? to : random.whole(0, bytes.length);
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at)]);
    }
  }
  return bytes;
}

async function drain(server: KestrelServer, reader: string): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const found = await server.queues.get(reader);
    if (found === null) return texts;
    texts.push(found.data.toString());
  }
}

function expectSound(texts: readonly string[], round: number, reader: string): void {
  const numbers = texts.map((text) => Number.parseInt(text, 10));
  expect(
    texts.filter((text, i) => text !== item(numbers[i]!)),
    `round ${round}, never put into ${reader}`,
  ).toEqual([]);
  const outOfOrder = numbers.filter((number, i) => i > 0 && number <= numbers[i - 1]!);
  expect(outOfOrder, `round ${round}, doubled or out of order in ${reader}`).toEqual([]);
}

test("a server on a spoilt spool", { timeout: fuzzMs + 60_000 }, async () => {
  const random = Random.announced("KESTREL_JOURNAL_SEED");
  const deadline = Date.now() + fuzzMs;
  let rounds = 0;
  let kept = 0;
  for (; Date.now() < deadline; rounds++) {
    const spool = join(folder.path, "spoilt");
    await cp(original, spool, { recursive: true });
    await spoil(random, spool);
    {
      await using server = await start(spool);
      // Half of the readers are looked at only after the next start.
      for (const reader of readers.filter(() => random.chance(0.5))) {
        const texts = await drain(server, reader);
        expectSound(texts, rounds, reader);
        kept += texts.length;
      }
      expect(await server.queues.put("q", item(itemCount))).toBe(true);
    }
    await using again = await start(spool);
    for (const reader of readers) {
      const texts = await drain(again, reader);
      expectSound(texts, rounds, reader);
      kept += texts.length;
      if (reader === "q") expect(texts.at(-1), `round ${rounds}, put after the damage`).toBe(item(itemCount));
    }
    await again.stop();
    await rm(spool, { recursive: true });
  }
  console.log(`${rounds} spoilt spools, ${kept.toLocaleString("en")} items read from them`);
  expect(kept).toBeGreaterThan(0);
});
