/**
 * The engine against a model that a child could write: arrays of texts. Random operations, turns, failing disks,
 * kills and restarts; after each step the engine must tell what the model tells. fast-check prints the seed.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemError } from "../testing/fake-disk.ts";
import { TestNode } from "../testing/node.ts";

const runs = Number(process.env.KESTREL_MODEL_RUNS ?? 60);

/** What one queue holds. Texts are unique, so an item is its text. */
interface ModelQueue {
  ready: string[];
  /** By id. */
  open: Map<number, string>;
}
type Model = Map<string, ModelQueue>;

const queueNames = ["a", "a+x", "a+y", "b"] as const;
const anyQueue: fc.Arbitrary<Name> = fc.constantFrom("a", "a", "a", "a+x", "a+x", "a+y", "b");
type Name = (typeof queueNames)[number];

type Step =
  | { do: "put"; queue: Name; size: number }
  | {
      do: "take" | "open" | "peek" | "confirm" | "abort" | "flush" | "delete" | "refer";
      queue: Name;
      pick: number;
    }
  | { do: "turn" | "turn-fails" | "kill" | "restart" | "sweep" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("put" as const),
      queue: anyQueue,
      size: fc.oneof({ weight: 9, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(3000) }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "take" as const,
        "take" as const,
        "open" as const,
        "open" as const,
        "peek" as const,
        "confirm" as const,
        "abort" as const,
        "refer" as const,
      ),
      queue: anyQueue,
      pick: fc.nat(5),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom("flush" as const, "delete" as const),
      queue: anyQueue,
      pick: fc.constant(0),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ do: "turn" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "turn-fails" as const,
        "turn-fails" as const,
        "kill" as const,
        "restart" as const,
        "sweep" as const,
      ),
    }),
  },
);

function copyOf(model: Model): Model {
  return new Map(
    [...model].map(([name, { ready, open }]) => [name, { ready: [...ready], open: new Map(open) }]),
  );
}

/** Ids rise in the order of the puts, so giving back means inserting by id. */
class Run {
  node: TestNode;
  model: Model = new Map();
  /** As of the last turn that was written: what a kill goes back to. */
  written: Model = new Map();
  /** Texts put in this turn, which a failing disk takes back. */
  unwritten: Set<string> = new Set();
  ids: Map<string, number> = new Map();
  counter = 0;

  constructor(node: TestNode) {
    this.node = node;
  }

  obtain(name: Name): ModelQueue {
    let queue = this.model.get(name);
    if (queue === undefined) {
      queue = { ready: [], open: new Map() };
      this.model.set(name, queue);
      this.node.queues.obtain(name);
      this.endTurn();
    }
    return queue;
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const next of steps) {
      await this.step(next);
      this.invariants();
    }
    await this.step({ do: "kill" });
    for (const name of queueNames) {
      const expected = this.model.get(name);
      expect(await this.node.drain(name), `what is left in ${name}`).toEqual(expected?.ready ?? []);
      // Referring to it has created it, and from now on it takes part.
      this.obtain(name).ready = [];
      this.endTurn();
    }
    await this.node.stop();
  }

  invariants(): void {
    for (const name of queueNames) {
      const queue = this.node.queues.find(name);
      const expected = this.model.get(name);
      expect(queue !== undefined, `${name} exists`).toBe(expected !== undefined);
      if (queue === undefined || expected === undefined) continue;
      expect(queue.length, `items of ${name}`).toBe(expected.ready.length);
      expect(queue.openLength, `open items of ${name}`).toBe(expected.open.size);
      const bytes = expected.ready.reduce((sum, text) => sum + text.length, 0);
      expect(queue.bytes, `bytes of ${name}`).toBe(bytes);
    }
  }

  endTurn(): void {
    this.node.turn.endNow();
    this.written = copyOf(this.model);
    this.unwritten.clear();
  }

  async step(next: Step): Promise<void> {
    switch (next.do) {
      case "put":
        return this.put(next.queue, next.size);
      case "take":
      case "open":
      case "peek":
        return this.get(next.queue, next.do);
      case "confirm":
      case "abort":
        return this.close(next.queue, next.do, next.pick);
      case "refer":
        this.obtain(next.queue);
        return;
      case "flush": {
        const queue = this.model.get(next.queue);
        if (queue !== undefined) queue.ready = [];
        this.node.queues.flush(next.queue);
        return;
      }
      case "delete":
        this.endTurn();
        this.node.queues.delete(next.queue);
        this.model.delete(next.queue);
        return this.endTurn();
      case "turn":
        return this.endTurn();
      case "turn-fails":
        return this.failTurn();
      case "sweep":
        this.endTurn();
        this.node.queues.sweep();
        return this.endTurn();
      case "kill":
        this.node = await this.node.afterKill();
        return this.restarted();
      case "restart":
        this.endTurn();
        await this.node.stop();
        this.node = await this.node.afterKill(this.node.disk);
        return this.restarted();
    }
  }

  /** Open items are ready again, in their old place; what was not written is gone. */
  restarted(): void {
    this.model = copyOf(this.written);
    for (const queue of this.model.values()) {
      queue.ready.push(...queue.open.values());
      queue.open.clear();
      this.sort(queue);
    }
    this.written = copyOf(this.model);
    this.unwritten.clear();
  }

  sort(queue: ModelQueue): void {
    queue.ready.sort((one, other) => this.ids.get(one)! - this.ids.get(other)!);
  }

  put(name: Name, size: number): void {
    const text = `${this.counter++}${"-".repeat(size)}`;
    const data = Buffer.from(text);
    this.obtain(name);
    expect(typeof this.node.queues.put(name, data, 0, data.length, 0, 0)).toBe("object");
    this.ids.set(text, this.counter);
    this.unwritten.add(text);
    const fanouts = name === "a" ? (["a+x", "a+y"] as const) : [];
    for (const target of [name, ...fanouts]) this.model.get(target)?.ready.push(text);
  }

  async get(name: Name, mode: "take" | "open" | "peek"): Promise<void> {
    const queue = this.obtain(name);
    const asked = this.node.queues.obtain(name).get(mode, 0, {
      receive: (item) => this.got(queue, mode, item.id, item.buffer.toString("utf8", item.start, item.end)),
      miss: () => expect(queue.ready).toEqual([]),
    });
    if (asked === null) expect(queue.ready, `${name} is empty`).toEqual([]);
    else if ("buffer" in asked)
      this.got(queue, mode, asked.id, asked.buffer.toString("utf8", asked.start, asked.end));
    else while (asked.list !== null) await Promise.resolve();
  }

  got(queue: ModelQueue, mode: "take" | "open" | "peek", id: number, text: string): void {
    expect(text).toBe(queue.ready[0]);
    if (mode === "peek") return;
    queue.ready.shift();
    if (mode === "open") queue.open.set(id, text);
  }

  close(name: Name, how: "confirm" | "abort", pick: number): void {
    const queue = this.model.get(name);
    const ids = [...(queue?.open.keys() ?? [])];
    if (queue === undefined || ids.length === 0) return;
    const id = ids[pick % ids.length]!;
    const real = this.node.queue(name);
    expect(how === "confirm" ? real.confirm(id) : real.abort(id)).not.toBe(false);
    if (how === "abort") {
      queue.ready.push(queue.open.get(id)!);
      this.sort(queue);
    }
    queue.open.delete(id);
  }

  /** The disk is full in the middle of a write: this turn's puts never were; what was finished stays finished. */
  failTurn(): void {
    if (this.unwritten.size === 0) return;
    // Only turns that touch one log: another one's puts would be refused or not as the order falls.
    const logs = new Set([...this.unwritten].map((text) => this.logOf(text)));
    if (logs.size !== 1) {
      this.endTurn();
      return;
    }
    this.node.disk.tornBytes = 20;
    this.node.disk.fault = (operation, file) => {
      if (operation === "write" || operation === "create") throw systemError("ENOSPC", file);
    };
    this.node.turn.endNow();
    for (const queue of this.model.values()) {
      queue.ready = queue.ready.filter((text) => !this.unwritten.has(text));
      for (const [id, text] of queue.open) if (this.unwritten.has(text)) queue.open.delete(id);
    }
    this.node.disk.fault = () => {};
    this.node.clock.advance(1000);
    this.endTurn();
  }

  logOf(text: string): string {
    for (const [name, queue] of this.model) {
      if (queue.ready.includes(text) || [...queue.open.values()].includes(text)) return name.split("+")[0]!;
    }
    return "taken";
  }
}

const smallLogs = {
  default: {
    defaultJournalSizeBytes: 1500,
    maxMemorySizeBytes: 1000,
    maxJournalSizeBytes: 2000,
    minJournalCompactDelayMs: 0,
  },
};

test("the engine does what the model does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 200, size: "max" }), async (steps) => {
      await new Run(await TestNode.start(smallLogs)).run(steps);
    }),
    { numRuns: runs, ...(process.env.KESTREL_SEED ? { seed: Number(process.env.KESTREL_SEED) } : {}) },
  );
});
