/** A queue collection on a fake disk and clock, with the turns in the test's hands. */
import { Turn } from "../journal/turn.ts";
import type { PutRefusal } from "../queue/capacity.ts";
import type { Queue } from "../queue/queue.ts";
import { QueueCollection } from "../queue/queue-collection.ts";
import type { GetMode } from "../queue/waiter-list.ts";
import { QueueRules, type QueueRulesOptions } from "../settings/queue-rules.ts";
import { CollectedLog } from "./collected-log.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeDisk } from "./fake-disk.ts";

export interface Got {
  readonly id: number;
  readonly text: string;
}

export class TestNode {
  readonly disk: FakeDisk;
  readonly clock: FakeClock;
  readonly log: CollectedLog;
  readonly turn: Turn;
  readonly queues: QueueCollection;
  readonly #rules: QueueRulesOptions;

  private constructor(
    parts: Pick<TestNode, "disk" | "clock" | "log" | "turn" | "queues">,
    rules: QueueRulesOptions,
  ) {
    this.disk = parts.disk;
    this.clock = parts.clock;
    this.log = parts.log;
    this.turn = parts.turn;
    this.queues = parts.queues;
    this.#rules = rules;
  }

  static async start(
    rules: QueueRulesOptions = {},
    disk: FakeDisk = new FakeDisk(),
    clock: FakeClock = new FakeClock(),
    memoryBytesMax: number = 1024 * 1024 * 1024,
  ): Promise<TestNode> {
    const log = new CollectedLog();
    const turn = new Turn();
    const queues = await QueueCollection.start({
      spoolPath: "spool",
      disk,
      clock,
      turn,
      logger: log,
      rules: new QueueRules(rules),
      memoryBytesMax,
    });
    return new TestNode({ disk, clock, log, turn, queues }, rules);
  }

  /** The node that starts after this one was killed, on what its disk holds. */
  afterKill(disk: FakeDisk = this.disk.afterKill()): Promise<TestNode> {
    return TestNode.start(this.#rules, disk, this.clock);
  }

  async stop(): Promise<void> {
    await this.queues.stop();
  }

  queue(name: string): Queue {
    return this.queues.find(name)!;
  }

  /** Puts and ends the turn; gives the refusal, or the receipt's final word. */
  put(name: string, text: string, expiryMs = 0): PutRefusal | string {
    const data = Buffer.from(text);
    const put = this.queues.put(name, data, 0, data.length, 0, expiryMs);
    this.turn.endNow();
    return typeof put === "string" ? put : put.state;
  }

  /** What is at the head now; waits only for bytes that come from the file. */
  async get(name: string, mode: GetMode = "take"): Promise<Got | null> {
    const queue = this.queues.obtain(name);
    const asked = await new Promise<Got | null>((resolve) => {
      const receive = (item: { id: number; buffer: Buffer; start: number; end: number }): void =>
        resolve({ id: item.id, text: item.buffer.toString("utf8", item.start, item.end) });
      const got = queue.get(mode, 0, { receive, miss: () => resolve(null) });
      if (got === null) resolve(null);
      else if ("buffer" in got) receive(got);
    });
    this.turn.endNow();
    return asked;
  }

  /** Takes all there is, in order. */
  async drain(name: string): Promise<string[]> {
    const texts: string[] = [];
    for (let got = await this.get(name); got !== null; got = await this.get(name)) texts.push(got.text);
    return texts;
  }

  segmentsOf(name: string): string[] {
    return this.disk.list(`spool/${name}`).filter((file) => file.endsWith(".log"));
  }
}
