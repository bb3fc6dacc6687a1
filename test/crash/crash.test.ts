/**
 * SIGKILL under load, again and again, on one spool with segments so small that they roll, are rewritten and go all
 * the time. KESTREL_CRASH_ROUNDS sets how often, KESTREL_CRASH_SEED repeats the choices of an earlier run (not its
 * timing).
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { TempFolder } from "../harness/temp-folder.ts";
import { Ledger } from "./ledger.ts";
import { type LoadKind, type LoadQueue, runLoad } from "./load.ts";
import { Random } from "./random.ts";

const rounds = Number(process.env.KESTREL_CRASH_ROUNDS ?? 5);
const answersMin = 30;
const answersMax = 20_000;
const drainDepth = 50;
const settings = {
  maxOpenTransactions: 10,
  expirationTimerFrequency: "100ms",
  default: {
    defaultJournalSize: "128KB",
    maxJournalSize: "512KB",
    minJournalCompactDelay: 0,
    maxMemorySize: "256KB",
  },
};

test.each([["never"], [0]] as const)(
  `nothing is lost, doubled or out of order over ${rounds} kills under load, syncJournal %s`,
  async (syncJournal) => {
    const random = Random.announced("KESTREL_CRASH_SEED");
    const queues = [
      loadQueue("first", "one producer"),
      loadQueue("second", "many", "second+copy"),
      loadQueue("third", "thrift", "third+copy"),
      loadQueue("flushed", "flushed"),
      loadQueue("brief", "expiring"),
    ];
    const ledgers = queues.flatMap(({ readers }) => readers);
    await using folder = await TempFolder.create();
    const config = join(folder.path, "kestrel.json");
    const all = { ...settings, default: { ...settings.default, syncJournal } };
    await writeFile(config, JSON.stringify(all));
    await using node = await KestrelNode.start({
      isRestarted: true,
      speaksThrift: true,
      flags: ["--config", config],
    });
    await makeReaders(node, ledgers);
    let answers = 0;
    for (let round = 1; round <= rounds; round++) {
      const enough = random.magnitude(answersMin, answersMax);
      let killed: Promise<void> | undefined;
      const onEnough = (): void => {
        killed = node.kill();
      };
      await runLoad({ node, queues, random, name: `r${round}`, answersMax: enough, onEnough });
      await killed;
      answers += enough;
      for (const ledger of ledgers) ledger.crashed();

      if (random.chance(0.3)) await killDuringStart(node, random.whole(10, 200));
      await node.start();
      await using client = await node.client();
      const stats = await client.stats();
      for (const ledger of ledgers) {
        const [min, max] = ledger.lengthBounds();
        const length = Number(stats.get(`queue_${ledger.queue}_items`) ?? 0);
        expect(length, `round ${round}, items of ${ledger.queue}`).toBeGreaterThanOrEqual(min);
        expect(length, `round ${round}, items of ${ledger.queue}`).toBeLessThanOrEqual(max);
        // What is not looked at now has to outlive the next kill too.
        if (round === rounds || ledger.isToBeDrained || random.chance(0.5)) {
          const askedMs = Date.now();
          ledger.drained(await drain(node, ledger.queue), askedMs);
        }
        expect(ledger.violations, `round ${round}`).toEqual([]);
      }
    }
    console.log(
      `syncJournal ${syncJournal}: ${rounds} kills after ${answers.toLocaleString("en")} answers in all: lost 0, doubled 0`,
    );
  },
  120_000 + rounds * 20_000,
);

function loadQueue(name: string, kind: LoadKind, ...fanouts: string[]): LoadQueue {
  return { name, kind, readers: [name, ...fanouts].map((reader) => new Ledger(reader)) };
}

/** A fanout gets what is put from when it was first asked for. */
async function makeReaders(node: KestrelNode, ledgers: readonly Ledger[]): Promise<void> {
  await using client = await node.client();
  for (const { queue } of ledgers) expect(await client.get(queue)).toBeNull();
}

/** Another crash, while the node is starting and reading its journal, or just after it. */
async function killDuringStart(node: KestrelNode, afterMs: number): Promise<void> {
  const start = node.start().catch((error: Error) => expect(error.message).toContain("before it was ready"));
  await pause(afterMs);
  await node.kill();
  await start;
}

async function drain(node: KestrelNode, queue: string): Promise<Buffer[]> {
  await using client = await node.client();
  const bodies: Buffer[] = [];
  for (;;) {
    const values = await Promise.all(Array.from({ length: drainDepth }, () => client.get(queue)));
    for (const value of values) if (value !== null) bodies.push(value.data);
    if (values.includes(null)) return bodies;
  }
}
