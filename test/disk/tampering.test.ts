/**
 * Somebody is at the journal of a node that runs: files are cut, overwritten, emptied, removed, the whole folder too,
 * while most of what is in them is not in memory any more. Whatever it was, the node goes on, hands out nothing that
 * was not put, nothing twice and all in order, loses no more than what was touched, and says what is missing.
 * KESTREL_TAMPER_ROUNDS sets how often; the seed is printed.
 */

import { open, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "../crash/random.ts";
import type { AsciiClient } from "../harness/ascii-client.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";

const rounds = Number(process.env.KESTREL_TAMPER_ROUNDS ?? 1);
const itemCount = 600;
const itemBytes = 2_000;
const segmentBytes = 128 * 1024;
const putsAtOnce = 20;
/** All that one segment may hold. */
const itemsPerSegmentMax = Math.ceil(segmentBytes / itemBytes) + putsAtOnce;
const settings = {
  expirationTimerFrequency: "100ms",
  default: { defaultJournalSize: segmentBytes, maxMemorySize: "64KB" },
};
const warning = 40;

interface Tampering {
  name: string;
  /** What it costs: items; nothing as long as the node runs, which has the file open still; nothing at all. */
  costs: "items" | "after a kill" | "nothing";
  /** `files`: the segments of the queue, oldest first. */
  tamper(files: readonly string[], random: Random): Promise<void>;
}

const tamperings: Tampering[] = [
  {
    name: "a segment is cut",
    costs: "items",
    tamper: async (files, random) => truncate(anyOf(files, random), random.whole(0, segmentBytes - 1)),
  },
  {
    name: "bytes are overwritten",
    costs: "items",
    tamper: async (files, random) => {
      const file = await open(anyOf(files, random), "r+");
      try {
        const bytes = random.bytes(random.magnitude(1, 10_000));
        await file.write(bytes, 0, bytes.length, random.whole(0, segmentBytes));
      } finally {
        await file.close();
      }
    },
  },
  {
    name: "the newest segment is emptied",
    costs: "items",
    tamper: async (files) => truncate(files.at(-1)!, 0),
  },
  {
    name: "a segment is removed",
    costs: "after a kill",
    tamper: async (files, random) => rm(anyOf(files, random)),
  },
  {
    name: "the folder is removed",
    costs: "nothing",
    tamper: async (files) => rm(join(files[0]!, ".."), { recursive: true }),
  },
];

test.each(tamperings)(
  "$name behind a node's back",
  {
    timeout: 60_000 + rounds * 20_000,
  },
  async ({ name, tamper, costs }) => {
    const random = Random.announced("KESTREL_TAMPER_SEED");
    await using folder = await TempFolder.create();
    const config = join(folder.path, "kestrel.json");
    await writeFile(config, JSON.stringify(settings));
    let lostInAll = 0;
    for (let round = 0; round < rounds; round++) {
      await using node = await KestrelNode.start({ isRestarted: true, flags: ["--config", config] });
      await using client = await node.client();
      await fill(client, "jobs", 0);
      await fill(client, "others", 0);
      await tamper(await segmentsOf(node, "jobs"), random);
      await fill(client, "jobs", itemCount);
      if (costs === "nothing") await untilWrittenAgain(node, client);
      // Some is read by the node that ran meanwhile, the rest after a crash.
      const taken = await take(client, "jobs", random.whole(0, itemCount));
      if (costs !== "items") expect(taken).toEqual(numbers(0, taken.length));
      expect(await take(client, "others", itemCount / 2)).toEqual(numbers(0, itemCount / 2));
      await node.kill();
      await node.start();
      await using after = await node.client();
      taken.push(...(await take(after, "jobs", 2 * itemCount)));
      expect(taken, node.logText()).toEqual([...new Set(taken)].sort((a, b) => a - b));
      const lost = 2 * itemCount - taken.length;
      lostInAll += lost;
      expect(lost, node.logText()).toBeLessThanOrEqual(costs === "nothing" ? 0 : itemsPerSegmentMax);
      if (lost > 0) expect(node.log.filter(({ level = 0 }) => level >= warning)).not.toEqual([]);
      expect(await take(after, "others", itemCount)).toEqual(numbers(itemCount / 2, itemCount / 2));
      expect(await after.put("jobs", body(0))).toBe("STORED");
      expect(await take(after, "jobs", 1)).toEqual([0]);
    }
    const all = `${lostInAll} of ${(rounds * 2 * itemCount).toLocaleString("en")} items`;
    console.log(`${name}, ${rounds} times: ${all} lost, no more than the file that was touched held`);
  },
);

function anyOf(files: readonly string[], random: Random): string {
  return files[random.whole(0, files.length - 1)]!;
}

async function segmentsOf(node: KestrelNode, queue: string): Promise<string[]> {
  const folder = join(node.spool, queue);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".log")).sort();
  expect(names.length).toBeGreaterThan(3);
  return names.map((name) => join(folder, name));
}

/** The node looks after its files every second or so. */
async function untilWrittenAgain(node: KestrelNode, client: AsciiClient): Promise<void> {
  while (!node.log.some(({ msg }) => msg === "the journal has vanished; writing it again")) {
    await client.line("version");
  }
}

function body(number: number): Buffer {
  return Buffer.alloc(itemBytes, `${number} `);
}

function numbers(from: number, length: number): number[] {
  return Array.from({ length }, (_, i) => from + i);
}

/** Few at a time: a segment ends with a turn only. */
async function fill(client: AsciiClient, queue: string, from: number): Promise<void> {
  for (let at = from; at < from + itemCount; at += putsAtOnce) {
    const answers = await Promise.all(
      numbers(at, putsAtOnce).map((number) => client.put(queue, body(number))),
    );
    expect(new Set(answers)).toEqual(new Set(["STORED"]));
  }
}

/** The numbers of up to so many items; each has to be, byte for byte, as it was put. */
async function take(client: AsciiClient, queue: string, lengthMax: number): Promise<number[]> {
  const taken: number[] = [];
  while (taken.length < lengthMax) {
    const value = await client.get(queue);
    if (value === null) break;
    const number = Number.parseInt(value.data.toString("latin1", 0, 10), 10);
    expect(value.data.equals(body(number)), `item ${number}`).toBe(true);
    taken.push(number);
  }
  return taken;
}
