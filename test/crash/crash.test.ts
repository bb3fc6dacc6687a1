/**
 * SIGKILL under load, again and again, on one spool. KESTREL_CRASH_ROUNDS sets how often, KESTREL_CRASH_SEED
 * repeats the choices of an earlier run (not its timing).
 */

import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { KestrelNode } from "../harness/kestrel-node.ts";
import { Ledger } from "./ledger.ts";
import { runLoad } from "./load.ts";
import { Random } from "./random.ts";

const rounds = Number(process.env.KESTREL_CRASH_ROUNDS ?? 5);
const answersMin = 30;
const answersMax = 20_000;
const drainDepth = 50;

test(
  `nothing is lost, doubled or out of order over ${rounds} kills under load`,
  async () => {
    const random = Random.announced("KESTREL_CRASH_SEED");
    const ledgers = ["first", "second", "third"].map((name) => new Ledger(name));
    await using node = await KestrelNode.start({ isRestarted: true });
    let answers = 0;
    for (let round = 1; round <= rounds; round++) {
      const enough = random.magnitude(answersMin, answersMax);
      let killed: Promise<void> | undefined;
      const onEnough = (): void => {
        killed = node.kill();
      };
      await runLoad({ node, ledgers, random, name: `r${round}`, answersMax: enough, onEnough });
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
        if (round === rounds || random.chance(0.5)) ledger.drained(await drain(node, ledger.queue));
        expect(ledger.violations, `round ${round}`).toEqual([]);
      }
    }
    console.log(`${rounds} kills after ${answers.toLocaleString("en")} answers in all: lost 0, doubled 0`);
  },
  120_000 + rounds * 20_000,
);

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
