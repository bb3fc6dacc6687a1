/**
 * One round of the soak: every kind of client at once until the time is up, then a quiet node whose queues are read
 * to their ends. What clients are told goes into the ledgers, and what has no ledger into `violations`.
 */

import { setTimeout as pause } from "node:timers/promises";
import { bodyOf, type Item, type Ledger } from "../crash/ledger.ts";
import type { Random } from "../crash/random.ts";
import type { AsciiClient } from "../harness/ascii-client.ts";
import type { KestrelNode } from "../harness/kestrel-node.ts";
import { WireSession } from "../harness/wire-session.ts";

export interface SoakShape {
  node: KestrelNode;
  textPort: number;
  /** Of the queues plain, reliable, mixed and texts. */
  ledgers: readonly Ledger[];
  random: Random;
  /** Part of the producers' names, of this round alone. */
  name: string;
}

const pipelineMax = 8;
const drainDepth = 50;
const fanouts = ["wide+a", "wide+b"];
/** What lies in a queue at most before its producers wait: the ledgers' memory stays bounded, consumers keep up. */
const backlogMax = 2_000;

export class SoakRound {
  answers = 0;
  items = 0;
  readonly violations: string[] = [];
  readonly #shape: SoakShape;
  #isEnding = false;

  constructor(shape: SoakShape) {
    this.#shape = shape;
  }

  async run(ms: number): Promise<void> {
    const [plain, reliable, mixed, texts] = this.#shape.ledgers as [Ledger, Ledger, Ledger, Ledger];
    const timer = setTimeout(() => (this.#isEnding = true), ms);
    try {
      await Promise.all([
        this.#produce(plain, "a"),
        this.#take(plain),
        this.#produce(reliable, "a"),
        this.#open(reliable),
        this.#open(reliable),
        this.#produce(mixed, "a"),
        this.#produce(mixed, "b"),
        this.#take(mixed),
        this.#open(mixed),
        this.#speakText(texts),
        this.#fanOut(),
        this.#expire(),
        this.#visit(),
      ]);
    } finally {
      this.#isEnding = true;
      clearTimeout(timer);
    }
    for (const ledger of this.#shape.ledgers) ledger.drained(await this.#drain(ledger.queue));
  }

  async #produce(ledger: Ledger, index: string): Promise<void> {
    const { node, random, name } = this.#shape;
    await using client = await node.client();
    for (let number = 0; !this.#isEnding; ) {
      const puts = Array.from({ length: random.whole(1, pipelineMax) }, async () => {
        const size = random.chance(0.01) ? random.magnitude(10_000, 300_000) : random.magnitude(10, 5_000);
        const item: Item = { queue: ledger.queue, producer: `${name}.${index}`, number: number++, size };
        ledger.sending(item);
        const answer = await client.put(ledger.queue, bodyOf(item));
        if (answer === "STORED") ledger.stored(item);
        else this.violations.push(`a put into ${ledger.queue} was answered with ${answer}`);
        this.items++;
        this.answers++;
      });
      await Promise.all(puts);
      await this.#untilRead(client, ledger.queue, number);
    }
  }

  async #untilRead(client: AsciiClient, queue: string, number: number): Promise<void> {
    if (number % 64 >= pipelineMax) return;
    const length = async (): Promise<number> => Number((await client.stats()).get(`queue_${queue}_items`));
    while ((await length()) > backlogMax && !this.#isEnding) await pause(10);
  }

  async #take(ledger: Ledger): Promise<void> {
    await using client = await this.#shape.node.client();
    while (!this.#isEnding) {
      ledger.taking();
      const value = await client.get(`${ledger.queue}/t=20`);
      ledger.took(value?.data ?? null);
      this.answers++;
    }
  }

  /** Reliable reads; now and then the client goes with an item open, or gives it back. */
  async #open(ledger: Ledger): Promise<void> {
    const { node, random } = this.#shape;
    while (!this.#isEnding) {
      await using client = await node.client();
      for (let item: Item | null = null; ; ) {
        let options = "open/t=20";
        if (item !== null) {
          if (this.#isEnding || random.chance(0.01)) {
            ledger.putBack(item);
            break;
          }
          options = random.chance(0.1) ? "abort" : random.chance(0.2) ? "close" : "close/t=20/open";
          if (options === "abort") ledger.putBack(item);
          else ledger.confirming(item);
        } else if (this.#isEnding) break;
        const value = await client.get(`${ledger.queue}/${options}`);
        if (item !== null && options !== "abort") ledger.confirmed(item);
        item = value === null ? null : ledger.opened(value.data);
        this.answers++;
      }
    }
  }

  /** The text protocol: a put, a read, a confirm, each seen to be right at once. */
  async #speakText(ledger: Ledger): Promise<void> {
    const { textPort, name } = this.#shape;
    await using session = await WireSession.connect(textPort);
    for (let number = 0; !this.#isEnding; number++) {
      const text = bodyOf({ queue: ledger.queue, producer: `${name}.text`, number, size: 100 }).toString();
      session.send(`put ${ledger.queue}:\n${text}\n\nget ${ledger.queue}\nconfirm ${ledger.queue} 1\n`);
      await session.expect(`+1\n:${text}\n+1\n`);
      this.items++;
      this.answers += 3;
    }
  }

  /** Every reader gets all items in order; the parent's own copies are flushed away. */
  async #fanOut(): Promise<void> {
    const { node, name } = this.#shape;
    await using client = await node.client();
    for (const fanout of fanouts) await client.get(fanout);
    for (let number = 0; !this.#isEnding; number++) {
      const texts = Array.from({ length: 5 }, (_, i) => `${name} ${number} ${i}`);
      await Promise.all(texts.map((text) => client.put("wide", text)));
      for (const fanout of fanouts) {
        const values = await Promise.all([...texts.map(() => client.get(fanout)), client.get(fanout)]);
        const got = values.map((value) => value?.data.toString() ?? null);
        if (got.join() !== [...texts, null].join()) {
          this.violations.push(`${fanout} gave ${got.join()} in place of ${texts.join()}`);
        }
        this.answers += values.length;
      }
      this.items += texts.length;
      if (number % 50 === 0) await client.line("flush wide");
    }
    await client.line("flush wide");
  }

  /** Nobody reads these while they live: none may be given out once they are over. */
  async #expire(): Promise<void> {
    const { node, random } = this.#shape;
    await using client = await node.client();
    for (let number = 0; !this.#isEnding; number++) {
      await client.put("short-lived", `${number}`, 0, 1);
      this.items++;
      this.answers++;
      await pause(random.whole(0, 5));
    }
    // Seconds on the wire: one from now may be nearly two away.
    await pause(2100);
    const late = await client.get("short-lived");
    if (late !== null) this.violations.push(`an item was given out after its time: ${late.data}`);
  }

  /** Clients that come, look around, make a queue and delete it, and go. */
  async #visit(): Promise<void> {
    const { node, random } = this.#shape;
    while (!this.#isEnding) {
      await using client = await node.client();
      const queue = `visit-${random.whole(1, 1000)}`;
      await client.put(queue, "here");
      const seen = await client.get(`${queue}/peek`);
      if (seen?.data.toString() !== "here") this.violations.push(`${queue} showed ${seen?.data}`);
      await client.line(`delete ${queue}`);
      await client.stats();
      this.answers += 4;
      await pause(random.whole(1, 20));
    }
  }

  async #drain(queue: string): Promise<Buffer[]> {
    await using client = await this.#shape.node.client();
    const bodies: Buffer[] = [];
    for (;;) {
      const values = await Promise.all(Array.from({ length: drainDepth }, () => client.get(queue)));
      for (const value of values) if (value !== null) bodies.push(value.data);
      if (values.includes(null)) return bodies;
    }
  }
}
