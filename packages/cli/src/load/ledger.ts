/**
 * The account of a load test: every item carries who put it and as which, and every item that comes back is
 * struck off. What is lost, doubled, out of order, damaged or nobody's is counted, the first few by name.
 */
import { randomBytes } from "node:crypto";

const examplesMax = 5;

export interface Faults {
  lost: number;
  doubled: number;
  outOfOrder: number;
  damaged: number;
  foreign: number;
}

interface Producer {
  /** Items that a node said it has stored, in ranges from 0. */
  stored: number;
  /** One byte an item, 1 when it has come back. */
  seen: Uint8Array;
}

/** Where the last item of a producer stood, as seen by one reader. */
type LastSeen = Map<number, number>;

export class Ledger {
  /** What `examples` are of; every fault but `lost` is counted as it is met. */
  readonly faults: Faults = { lost: 0, doubled: 0, outOfOrder: 0, damaged: 0, foreign: 0 };
  readonly examples: string[] = [];
  received = 0;
  readonly #run: string = randomBytes(4).toString("hex");
  readonly #itemBytes: number;
  readonly #filler: Buffer;
  readonly #producers: Producer[] = [];
  readonly #lastSeen: Map<string, LastSeen> = new Map();

  /** Items have `itemBytes`, or as many as their names need. */
  constructor(itemBytes: number) {
    this.#itemBytes = itemBytes;
    this.#filler = Buffer.from("kestrel ".repeat(Math.ceil(itemBytes / 8)));
  }

  /** Makes room for a producer of up to `length` items; gives its number. */
  addProducer(length: number): number {
    this.#producers.push({ stored: 0, seen: new Uint8Array(length) });
    return this.#producers.length - 1;
  }

  /** The item `number`, from 0, of a producer. */
  item(producer: number, number: number): Buffer {
    const name = Buffer.from(`${this.#run}:${producer}:${number}:`);
    return Buffer.concat([name, this.#filler.subarray(0, Math.max(0, this.#itemBytes - name.length))]);
  }

  /** The next `length` items of the producer are stored. */
  stored(producer: number, length: number): void {
    this.#producers[producer]!.stored += length;
  }

  /** Items that are stored and have not come back. */
  get missing(): number {
    return this.#producers.reduce((sum, { stored }) => sum + stored, 0) - this.received;
  }

  /**
   * Strikes an item off. `reader` names who got it, where items must come in order; null where they need not.
   * Only items that are gone from their queue for good are given here.
   */
  receive(data: Buffer, reader: string | null): void {
    const [, run, producerText, numberText] =
      /^([0-9a-f]{8}):(\d+):(\d+):/.exec(data.toString("latin1", 0, 40)) ?? [];
    const producer = this.#producers[Number(producerText)];
    const number = Number(numberText);
    if (run !== this.#run || producer === undefined || !(number < producer.seen.length)) {
      this.#note(
        "foreign",
        `an item that is not of this run: ${JSON.stringify(data.toString("latin1", 0, 30))}`,
      );
      return;
    }
    const name = `${producerText}:${number}`;
    if (!data.equals(this.item(Number(producerText), number)))
      this.#note("damaged", `item ${name} is damaged`);
    if (producer.seen[number] === 1) {
      this.#note("doubled", `item ${name} came twice`);
      return;
    }
    producer.seen[number] = 1;
    this.received++;
    if (reader !== null) this.#checkOrder(reader, Number(producerText), number);
  }

  /** To be called when nothing more will come. */
  close(): void {
    for (const [index, { stored, seen }] of this.#producers.entries()) {
      for (let number = 0; number < stored; number++) {
        if (seen[number] !== 1) this.#note("lost", `item ${index}:${number} is lost`);
      }
    }
  }

  get isFaultless(): boolean {
    return Object.values(this.faults).every((count) => count === 0);
  }

  #checkOrder(reader: string, producer: number, number: number): void {
    let last = this.#lastSeen.get(reader);
    if (last === undefined) this.#lastSeen.set(reader, (last = new Map()));
    const before = last.get(producer) ?? -1;
    if (number < before) {
      this.#note("outOfOrder", `item ${producer}:${number} came after ${producer}:${before} to ${reader}`);
    }
    last.set(producer, number);
  }

  #note(fault: keyof Faults, example: string): void {
    if (this.faults[fault]++ < examplesMax) this.examples.push(example);
  }
}
