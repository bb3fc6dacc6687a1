/**
 * A disk that is really full, again and again, under load: puts are refused while it lasts, gets and confirms go
 * on, and when there is room again so do puts, without a restart. What was stored comes out once, in its producer's
 * order, what was refused never; a kill in the end changes nothing of that. KESTREL_FULL_ROUNDS sets how often.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { AsciiClient } from "../harness/ascii-client.ts";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { SmallDisk } from "./small-disk.ts";

const rounds = Number(process.env.KESTREL_FULL_ROUNDS ?? 3);
const diskMegabytes = 24;
const queues = ["first", "second"];
const itemBytes = 2000;
/** Refusals that are waited for before there is room again, and puts stored after that. */
const refusalsPerRound = 200;
const storedPerRound = 500;
/** Enough to have items in the queue always, few enough for the disk. */
const backlogMax = 1000;

/** All that the clients of one queue were told. */
class Account {
  readonly stored = new Set<string>();
  readonly refused = new Set<string>();
  readonly taken: string[] = [];
}

test.for([["never"], [0]] as const)(
  `nothing lost or doubled over ${rounds} times of a full disk, syncJournal %s`,
  {
    timeout: 120_000 + rounds * 30_000,
  },
  async ([syncJournal], { skip }) => {
    await using disk = await SmallDisk.mount(diskMegabytes);
    if (disk === null) {
      console.warn("left out: this machine doesn't let us mount a small file system");
      return skip();
    }
    await using settings = await TempFolder.create();
    const config = join(settings.path, "kestrel.json");
    await writeFile(config, JSON.stringify({ default: { defaultJournalSize: "1MB", syncJournal } }));
    await using node = await KestrelNode.start({
      spool: disk.path,
      isRestarted: true,
      flags: ["--config", config],
    });
    const load = new Load(node);
    const working = load.run();
    let answersWhileFull = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        await load.until(() => load.count("stored"), storedPerRound);
        disk.fill();
        const before = load.count("taken");
        const refused = load.until(() => load.count("refused"), refusalsPerRound);
        // Deleted segments make room: whoever else fills the disk takes that too.
        const filling = setInterval(() => disk.fill(), 20);
        await refused.finally(() => clearInterval(filling));
        answersWhileFull += load.count("taken") - before;
        await disk.relieve();
      }
      await load.until(() => load.count("stored"), storedPerRound);
    } finally {
      load.end();
      await working;
    }
    expect(load.failures, node.logText()).toEqual([]);
    await node.kill();
    await node.start();
    for (const queue of queues) {
      const account = load.accounts.get(queue)!;
      await using client = await node.client();
      for (let found = await client.get(queue); found !== null; found = await client.get(queue)) {
        account.taken.push(found.data.toString().trimEnd());
      }
      expect(new Set(account.taken).size, `${queue}: doubled`).toBe(account.taken.length);
      expect(account.taken.filter((text) => account.refused.has(text))).toEqual([]);
      expect(account.taken.toSorted()).toEqual([...account.stored].toSorted());
      const numbers = account.taken.map(Number);
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    const all = `${load.count("stored")} stored, ${load.count("refused")} refused, ${answersWhileFull} got while full`;
    console.log(`${rounds} times full, syncJournal ${syncJournal}: ${all}; lost 0, doubled 0`);
    expect(answersWhileFull).toBeGreaterThan(0);
  },
);

test("a node starts on a disk that is full to its last page, and serves who makes room", async ({ skip }) => {
  await using disk = await SmallDisk.mount(8);
  if (disk === null) {
    console.warn("left out: this machine doesn't let us mount a small file system");
    return skip();
  }
  await using node = await KestrelNode.start({ spool: disk.path, isRestarted: true });
  const items = Array.from({ length: 20 }, (_, number) => `${number} ${"-".repeat(10_000)}`);
  await using producer = await node.client();
  for (const item of items) expect(await producer.put("first", item)).toBe("STORED");
  await node.stop();
  disk.fill();
  await node.start();
  expect(node.logText()).toContain("its reserve goes for the lock");
  await using second = await KestrelNode.prepare({ spool: disk.path });
  disk.fill();
  expect((await second.runToEnd()).code).toBe(1);
  expect(second.logText()).toContain(`in use by a kestrel that runs as process ${node.pid}`);
  await using client = await node.client();
  for (const item of items) expect((await client.get("first"))?.data.toString()).toBe(item);
  expect(await client.get("first")).toBeNull();
  await disk.relieve();
  await expect.poll(() => client.put("first", "again"), { timeout: 20_000 }).toBe("STORED");
});

/** One producer and one consumer on each queue; every second item is read reliably. */
class Load {
  readonly accounts: Map<string, Account> = new Map(queues.map((queue) => [queue, new Account()]));
  /** What must not be answered and was. */
  readonly failures: string[] = [];
  readonly #node: KestrelNode;
  #isEnding = false;
  #onAnswer: () => void = () => {};

  constructor(node: KestrelNode) {
    this.#node = node;
  }

  async run(): Promise<void> {
    await Promise.all(queues.flatMap((queue) => [this.#produce(queue), this.#consume(queue)]));
  }

  end(): void {
    this.#isEnding = true;
  }

  count(what: "stored" | "refused" | "taken"): number {
    const sizes = { stored: 0, refused: 0, taken: 0 };
    for (const { stored, refused, taken } of this.accounts.values()) {
      sizes.stored += stored.size;
      sizes.refused += refused.size;
      sizes.taken += taken.length;
    }
    return sizes[what];
  }

  /** Resolves when what is counted has risen by so much; rejects when something went wrong. */
  until(count: () => number, more: number): Promise<void> {
    const wanted = count() + more;
    return new Promise((resolve, reject) => {
      this.#onAnswer = () => {
        if (this.failures.length > 0) reject(new Error(`${this.failures[0]}\n${this.#node.logText()}`));
        else if (count() >= wanted) resolve();
      };
    });
  }

  async #produce(queue: string): Promise<void> {
    const { stored, refused, taken } = this.accounts.get(queue)!;
    await using client = await this.#node.client();
    for (let number = 0; !this.#isEnding; number++) {
      const text = String(number);
      const answer = await client.put(queue, text.padEnd(itemBytes));
      if (answer === "STORED") stored.add(text);
      else if (answer.startsWith("SERVER_ERROR")) refused.add(text);
      else this.#fail(`a put was answered with ${answer}`);
      this.#onAnswer();
      while (stored.size - taken.length > backlogMax && !this.#isEnding) await client.line("version");
    }
  }

  async #consume(queue: string): Promise<void> {
    const { stored, taken } = this.accounts.get(queue)!;
    await using client = await this.#node.client();
    try {
      for (let number = 0; !this.#isEnding; number++) {
        // Some always stay behind, to be there when the node is killed.
        if (stored.size - taken.length < backlogMax / 10) await client.line("version");
        else taken.push(await this.#take(client, queue, number % 2 === 0));
        this.#onAnswer();
      }
    } catch (error) {
      this.#fail(`a get failed: ${(error as Error).message}`);
    }
  }

  async #take(client: AsciiClient, queue: string, isReliable: boolean): Promise<string> {
    const value = await client.get(isReliable ? `${queue}/open` : queue);
    if (isReliable) await client.get(`${queue}/close`);
    return value!.data.toString().trimEnd();
  }

  #fail(what: string): void {
    this.failures.push(what);
    this.#onAnswer();
  }
}
