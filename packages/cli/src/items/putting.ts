/**
 * Puts a long run of items quickly: many at a time, in the order of the input, and keeping account of what
 * became of each. Promises that an item counts as stored only when a node said so. Bounds what is on its way.
 */

import { codeOf, explain } from "../failure.ts";
import type { Cluster } from "../nodes/cluster.ts";
import { LineNumbers } from "./line-numbers.ts";

const inFlightLengthMax = 1024;
const inFlightSizeMax = 16 * 1024 * 1024;

/** How items are put. */
export type PutOptions = NonNullable<Parameters<Cluster["put"]>[2]>;

export interface PutItem {
  data: Buffer;
  flags?: number;
}

export class Putting {
  readonly #cluster: Cluster;
  readonly #queue: string;
  readonly #options: PutOptions;
  readonly #onStored: (number: number) => void;
  #count: number;
  #inFlightLength = 0;
  #inFlightSize = 0;
  #wake: (() => void) | null = null;

  stored = 0;
  /** May have been stored or not. */
  readonly unknown: LineNumbers = new LineNumbers();
  /** Larger than the queue takes. */
  readonly tooLarge: LineNumbers = new LineNumbers();
  /** Surely not stored, for another reason. */
  readonly notStored: LineNumbers = new LineNumbers();
  /** Why putting further items would be in vain; null while it isn't. */
  stopReason: string | null = null;
  /** What the first item with an unknown outcome met with. */
  unknownReason: string | null = null;

  /** `onStored` hears of each item that is stored; numbers go on after `numbersUsed`. */
  constructor(
    cluster: Cluster,
    queue: string,
    options: PutOptions,
    onStored: (number: number) => void,
    numbersUsed = 0,
  ) {
    this.#cluster = cluster;
    this.#queue = queue;
    this.#options = options;
    this.#onStored = onStored;
    this.#count = numbersUsed;
  }

  /** Everything that was to be put has been stored. */
  get isComplete(): boolean {
    const failed = this.unknown.length + this.tooLarge.length + this.notStored.length;
    return failed === 0 && this.#inFlightLength === 0 && this.stopReason === null;
  }

  /** The number of the item last given to `put`; the first is 1. */
  get count(): number {
    return this.#count;
  }

  /**
   * Puts all items, until one meets with what the next would meet with too, or until it is interrupted; then
   * waits for all outcomes. Never rejects: input that fails half-way must not hide what has been put so far,
   * and is told as the stop reason.
   */
  async putAll(batches: AsyncIterable<readonly PutItem[]>, interrupted: AbortSignal): Promise<void> {
    try {
      for await (const batch of batches) {
        for (const item of batch) {
          if (this.isFull) await this.room();
          if (this.stopReason !== null || interrupted.aborted) break;
          this.put(item);
        }
        if (this.stopReason !== null || interrupted.aborted) break;
      }
    } catch (error) {
      if (!interrupted.aborted) this.stopReason ??= (error as Error).message;
    }
    if (interrupted.aborted) this.stopReason ??= "interrupted";
    await this.#when(() => this.#inFlightLength === 0);
  }

  /** Sends one item on its way. Call it only when `isFull` is false; nothing is thrown. */
  put({ data, flags = 0 }: PutItem): void {
    const number = ++this.#count;
    this.#inFlightLength++;
    this.#inFlightSize += data.length;
    const settle = () => {
      this.#inFlightLength--;
      this.#inFlightSize -= data.length;
      if (this.#wake !== null && !this.isFull) this.#wake();
    };
    const options = flags === 0 ? this.#options : { ...this.#options, flags };
    this.#cluster.put(this.#queue, data, options).then(
      (outcome) => {
        if (outcome.stored) {
          this.stored++;
          this.#onStored(number);
        } else if (outcome.reason === "too-large") {
          this.tooLarge.add(number);
        } else {
          this.notStored.add(number);
          this.stopReason ??= `the queue is full on ${outcome.node}`;
        }
        settle();
      },
      (error: unknown) => {
        if (codeOf(error) === "unknown") {
          this.unknown.add(number);
          this.unknownReason ??= (error as Error).message;
        } else {
          this.notStored.add(number);
          this.stopReason ??= explain(error);
        }
        settle();
      },
    );
  }

  get isFull(): boolean {
    return this.#inFlightLength >= inFlightLengthMax || this.#inFlightSize >= inFlightSizeMax;
  }

  /** Resolves when there is room for another item. One caller at a time. */
  room(): Promise<void> {
    return this.#when(() => !this.isFull);
  }

  async #when(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }
}
