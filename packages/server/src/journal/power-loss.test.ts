/**
 * Power losses at random moments of random histories, on a disk that keeps only what was synced and any part of the
 * rest, with disk trouble and kills in between. With `syncJournal` 0 all that was answered is kept and nothing comes
 * back that was finished; with a period that holds for what is older; with "never" what is left is sound, in order
 * and nothing twice. In an ordinary run the histories are always the same few; KESTREL_POWER_RUNS makes as many new ones
 * as it says, and fast-check prints the seed of one that fails, which KESTREL_SEED takes.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Queue } from "../queue/queue.ts";
import { chanceOf } from "../testing/chance.ts";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";
import { type PromisedItem, Promises } from "../testing/promises.ts";
import { VolatileDisk, type VolatileOperation } from "../testing/volatile-disk.ts";
import type { Survival } from "../testing/volatile-loss.ts";
import type { Receipt } from "./receipt.ts";

const runs = Number(process.env.KESTREL_POWER_RUNS ?? 20);
const usualSeed = process.env.KESTREL_POWER_RUNS === undefined ? "1" : undefined;
const seed = process.env.KESTREL_SEED ?? usualSeed;
const periodMs = 100;

type Name = "a" | "a+x" | "a+y" | "b";
type Step =
  | { do: "put"; queue: Name; size: number }
  | { do: "take" | "open" | "confirm" | "abort" | "flush" | "delete" | "refer"; queue: Name }
  | { do: "turn" | "quiesce" | "sweep" | "heal" }
  | { do: "io"; pick: number }
  | { do: "trouble"; with: VolatileOperation }
  | { do: "kill"; thenSyncsFail?: boolean }
  | { do: "loss"; survival: Survival };

const anyQueue = fc.constantFrom<Name>("a", "a", "a", "a+x", "a+x", "a+y", "b");
const anySize = fc.oneof(
  { weight: 10, arbitrary: fc.nat(90) },
  { weight: 2, arbitrary: fc.nat(1500) },
  { weight: 1, arbitrary: fc.nat(9000) },
);
const of = <T extends string>(...names: T[]): fc.Arbitrary<T> => fc.constantFrom(...names);
const calmStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ do: of("put"), queue: anyQueue, size: anySize }) },
  {
    weight: 18,
    arbitrary: fc.record({ do: of("take", "take", "open", "confirm", "abort"), queue: anyQueue }),
  },
  { weight: 2, arbitrary: fc.record({ do: of("flush", "delete", "refer"), queue: anyQueue }) },
  { weight: 16, arbitrary: fc.record({ do: of("turn") }) },
  { weight: 3, arbitrary: fc.record({ do: of("sweep", "quiesce") }) },
  { weight: 16, arbitrary: fc.record({ do: of("io"), pick: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: of("kill") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: of("loss"),
      survival: of<Survival>("any", "any", "nothing", "everything", "prefix"),
    }),
  },
);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: calmStep },
  {
    weight: 1,
    arbitrary: fc.record({
      do: of("trouble"),
      with: of<VolatileOperation>("write", "sync", "create", "rename", "remove"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: of("heal") }) },
  // What the node before has left is for this one's first sync.
  { weight: 1, arbitrary: fc.record({ do: of("kill"), thenSyncsFail: fc.boolean() }) },
);

interface History {
  syncJournal: "never" | number;
  segmentBytes: number;
  seed: number;
  diskForgets: boolean;
  steps: Step[];
}

function anyHistory(syncJournal: "never" | number, step: fc.Arbitrary<Step>): fc.Arbitrary<History> {
  return fc.record({
    syncJournal: fc.constant(syncJournal),
    segmentBytes: fc.constantFrom(600, 600, 3000, 20_000),
    seed: fc.nat(),
    diskForgets: fc.boolean(),
    steps: fc.array(step, { minLength: 10, maxLength: 160, size: "max" }),
  });
}

async function settle(): Promise<void> {
  for (let round = 0; round < 30; round++) await Promise.resolve();
}

const tally = { losses: 0, kills: 0, answered: 0 };

class Run {
  readonly #history: History;
  readonly #promises: Promises = new Promises();
  #node: TestNode;
  /** Ids of the open items, with their texts, by queue. */
  #open: Map<string, Map<number, string>> = new Map();
  /** Logs that this node has written to: of the others nothing is synced that a killed node has left. */
  readonly #touched: Set<string> = new Set();
  #counter = 0;
  #hadTrouble = false;
  #isDeleting = false;
  #life = 0;
  /** The turn in which the last node was killed. */
  #killTurn = 0;

  private constructor(history: History, node: TestNode) {
    this.#history = history;
    this.#node = node;
    this.#promises.areFanoutsLoose = history.syncJournal === "never";
  }

  static async of(history: History): Promise<void> {
    const disk = new VolatileDisk(chanceOf(history.seed));
    const run = new Run(history, await startOn(disk, history));
    for (const step of history.steps) await run.#step(step);
    await run.#lose(history.syncJournal === 0 ? "nothing" : "any");
    run.#disk.isPrompt = true;
    await run.#disk.finishAll();
    await run.#node.stop();
  }

  get #disk(): VolatileDisk {
    return this.#node.disk as unknown as VolatileDisk;
  }

  async #step(step: Step): Promise<void> {
    switch (step.do) {
      case "put":
        this.#put(step.queue, step.size);
        break;
      case "take":
      case "open":
        await this.#get(step.queue, step.do);
        break;
      case "confirm":
      case "abort":
        this.#close(step.queue, step.do);
        break;
      case "flush":
        this.#flush(step.queue);
        break;
      case "delete":
        this.#delete(step.queue);
        break;
      case "refer":
        this.#obtain(step.queue);
        break;
      case "turn":
        this.#endTurn();
        break;
      case "sweep":
        this.#endTurn();
        this.#node.clock.advance(1000);
        this.#noteQueues();
        break;
      case "quiesce":
        await this.#quiesce();
        break;
      case "io":
        this.#disk.finishOne(step.pick);
        break;
      case "trouble":
        this.#trouble(step.with);
        break;
      case "heal":
        this.#disk.fault = () => {};
        this.#node.clock.advance(300);
        break;
      case "kill":
        await this.#kill();
        if (step.thenSyncsFail === true) this.#trouble("sync");
        break;
      case "loss":
        await this.#lose(step.survival);
        break;
    }
    await settle();
  }

  #trouble(failing: VolatileOperation): void {
    this.#hadTrouble = true;
    this.#disk.fault = (operation, file) => {
      if (operation === failing) throw systemError("EIO", file);
    };
  }

  /** False: the disk refuses to make it. */
  #obtain(name: Name): boolean {
    this.#node.queues.obtain(name);
    this.#noteQueues();
    // A queue that cannot be made now is read as an empty one.
    return this.#node.queues.find(name) !== undefined;
  }

  /** With the queue that was asked for, or by themselves, those come that the disk has refused to make before. */
  #noteQueues(): void {
    for (const { name } of this.#node.queues.all()) this.#promises.obtain(name);
  }

  #put(name: Name, size: number): void {
    try {
      this.#node.queues.ensure(name);
    } catch (error) {
      expect(error).toMatchObject({ code: "disk" });
      return;
    }
    this.#noteQueues();
    // No two items next to each other are alike: of pieces of theirs a power loss must make no third.
    const letter = String.fromCharCode(97 + (this.#counter % 26));
    const text = `${this.#counter++}${letter.repeat(size)}`;
    const data = Buffer.from(text);
    let receipt: Receipt | string;
    try {
      receipt = this.#node.queues.put(name, data, 0, data.length, 0, 0);
    } catch (error) {
      expect(error).toMatchObject({ code: "disk" });
      return;
    }
    if (typeof receipt === "string") throw new Error(`a put was refused: ${receipt}`);
    const items = this.#promises.put(name, text);
    this.#touched.add(name.split("+")[0]!);
    this.#whenKept(name, receipt, () => {
      tally.answered++;
      for (const item of items) item.put = this.#history.syncJournal === 0 ? "safe" : "written";
    });
  }

  /** What a kept receipt promises of everything in its log. */
  #whenKept(name: string, receipt: Receipt, then: () => void): void {
    const { turn } = this.#promises;
    const life = this.#life;
    receipt.whenSettled(() => {
      if (receipt.state !== "kept" || life !== this.#life || this.#isDeleting) return;
      then();
      // A sync that failed leaves earlier turns unsure.
      if (this.#history.syncJournal === 0 && !this.#disk.hasDropped)
        this.#promises.promote(name.split("+")[0]!, turn, "safe");
    });
  }

  async #get(name: Name, mode: "take" | "open"): Promise<void> {
    if (!this.#obtain(name)) return;
    const queue = this.#node.queue(name);
    const life = this.#promises.find(name)!;
    const receive = (item: {
      id: number;
      buffer: Buffer;
      start: number;
      end: number;
      receipt: Receipt | null;
    }): void => {
      const text = item.buffer.toString("latin1", item.start, item.end);
      if (mode === "open") {
        const open = this.#open.get(name) ?? new Map<number, string>();
        this.#open.set(name, open.set(item.id, text));
        return;
      }
      const finished = life.finish(text, this.#promises.turn);
      if (item.receipt !== null) this.#whenFinished(name, item.receipt, finished);
    };
    const asked = queue.get(mode, 0, { receive, miss: () => {} });
    if (asked !== null && "buffer" in asked) receive(asked);
    else await settle();
  }

  #close(name: Name, how: "confirm" | "abort"): void {
    const open = this.#open.get(name);
    const [id, text] = [...(open ?? [])][0] ?? [];
    const queue = this.#node.queues.find(name);
    if (open === undefined || id === undefined || text === undefined || queue === undefined) return;
    open.delete(id);
    const closed = how === "confirm" ? queue.confirm(id) : queue.abort(id);
    // A failed turn takes back what was opened in it.
    if (closed === false || how === "abort") return;
    const finished = this.#promises.find(name)!.finish(text, this.#promises.turn);
    if (typeof closed === "object" && closed !== null) this.#whenFinished(name, closed, finished);
  }

  #whenFinished(name: string, receipt: Receipt, item: PromisedItem | undefined): void {
    this.#whenKept(name, receipt, () => {
      if (item !== undefined && this.#history.syncJournal === 0) item.finish = "safe";
    });
  }

  #flush(name: Name): void {
    this.#node.queues.flush(name);
    const life = this.#promises.find(name);
    const open = new Set(this.#open.get(name)?.values());
    for (const text of life?.items.keys() ?? []) if (!open.has(text)) life!.finish(text, this.#promises.turn);
  }

  #delete(name: Name): void {
    // What waits for an answer then gets one that promises nothing.
    this.#isDeleting = true;
    try {
      this.#node.queues.delete(name);
    } catch (error) {
      expect(error).toMatchObject({ code: "disk" });
      return;
    } finally {
      this.#isDeleting = false;
    }
    this.#promises.delete(name);
    this.#open.delete(name);
  }

  #endTurn(): void {
    this.#node.turn.endNow();
    for (const queue of this.#node.queues.all()) {
      const { log } = queue.reader;
      if (log.refusal === null) this.#promises.promote(queue.family.name, this.#promises.turn, "written");
    }
    this.#promises.turn++;
  }

  /** With a period, all that was written is on the medium when a sound log was left alone for long enough. */
  async #quiesce(): Promise<void> {
    this.#endTurn();
    const { turn } = this.#promises;
    const isSound = ({ reader }: Queue): boolean => reader.log.refusal === null;
    // One that has just been healed has written what it owed, and its period begins anew.
    if (!this.#queues().every(isSound)) await this.#rest();
    const sound = new Set(this.#queues().filter(isSound));
    await this.#rest();
    // With 0 nothing waits for what nobody was told.
    if (this.#history.syncJournal !== periodMs) return;
    for (const queue of this.#queues()) {
      const isSynced = sound.has(queue) && isSound(queue) && this.#touched.has(queue.family.name);
      // What a killed node has left is nowhere but with the system: a failed sync may take it for good.
      const from = this.#disk.hasDropped && this.#disk.forgets ? this.#killTurn + 1 : 0;
      if (isSynced) this.#promises.promote(queue.family.name, turn - 1, "safe", from);
    }
  }

  #queues(): Queue[] {
    return [...this.#node.queues.all()];
  }

  async #rest(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      this.#node.clock.advance(periodMs);
      await this.#disk.finishAll();
    }
  }

  async #kill(): Promise<void> {
    // What a failed sync has dropped is no better off than after a power loss: before it is written again, or where it
    // was a killed node's and there was nothing to write it from.
    const isWritten = this.#queues().every(({ reader }) => reader.log.refusal === null);
    if (this.#disk.hasDropped && (this.#disk.forgets || !isWritten)) return this.#lose("everything");
    tally.kills++;
    this.#killTurn = this.#promises.turn;
    await this.#restartOn(this.#disk.afterKill());
    this.#promises.settleKill(await this.#look());
  }

  async #lose(survival: Survival): Promise<void> {
    tally.losses++;
    const cut = survival === "everything" && !this.#disk.hasDropped ? "written" : "safe";
    const isPrefix = survival === "prefix" && !this.#hadTrouble;
    await this.#restartOn(this.#disk.afterPowerLoss(survival));
    this.#promises.settleLoss(await this.#look(), cut, isPrefix);
    this.#hadTrouble = false;
  }

  async #restartOn(disk: VolatileDisk): Promise<void> {
    this.#life++;
    this.#promises.turn++;
    this.#open.clear();
    this.#touched.clear();
    this.#node = await startOn(disk, this.#history);
  }

  /** All that is there, by opening every item and giving it back. */
  async #look(): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const queue of this.#node.queues.all()) {
      const texts: string[] = [];
      const ids: number[] = [];
      for (let got = await this.#node.get(queue.name, "open"); got !== null; ) {
        texts.push(got.text);
        ids.push(got.id);
        got = await this.#node.get(queue.name, "open");
      }
      expect(queue.length, `items that ${queue.name} counts beside those it gives`).toBe(0);
      for (const id of ids) queue.abort(id);
      const bytes = texts.reduce((sum, text) => sum + text.length, 0);
      expect([queue.length, queue.bytes], `items and bytes of ${queue.name}`).toEqual([texts.length, bytes]);
      found.set(queue.name, texts);
    }
    return found;
  }
}

async function startOn(disk: VolatileDisk, history: History): Promise<TestNode> {
  const { syncJournal, segmentBytes, diskForgets } = history;
  disk.forgets = diskForgets;
  disk.isPrompt = true;
  const rules = {
    default: {
      syncJournal,
      defaultJournalSizeBytes: segmentBytes,
      maxJournalSizeBytes: segmentBytes * 2,
      minJournalCompactDelayMs: 0,
      maxMemorySizeBytes: 2000,
    },
  };
  const node = await TestNode.start(rules, disk as never);
  await settle();
  disk.isPrompt = false;
  return node;
}

test.each([
  ["0", 0, calmStep],
  ["0, with disk trouble", 0, anyStep],
  ["a period", periodMs, calmStep],
  ["a period, with disk trouble", periodMs, anyStep],
  ["never", "never", calmStep],
] as const)(
  "power losses with syncJournal %s",
  { timeout: 60_000 + runs * 500 },
  async (name, syncJournal, step) => {
    Object.assign(tally, { losses: 0, kills: 0, answered: 0 });
    await fc.assert(
      fc.asyncProperty(anyHistory(syncJournal, step), (history) => Run.of(history)),
      {
        numRuns: runs,
        ...(seed === undefined ? {} : { seed: Number(seed) }),
      },
    );
    const { losses, kills, answered } = tally;
    console.log(
      `syncJournal ${name}: ${losses} power losses and ${kills} kills in ${runs} histories, ` +
        `${answered.toLocaleString("en")} puts answered: no promise broken`,
    );
  },
);
