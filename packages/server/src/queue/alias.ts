/** A name that puts into several queues. Reading it finds nothing, however long one waits. */
import { Receipt } from "../journal/receipt.ts";
import type { PutRefusal } from "./capacity.ts";
import type { Queue } from "./queue.ts";

export class Alias {
  readonly name: string;
  /** In ms since the epoch. */
  readonly createdMs: number;
  /** Names of queues, fanouts or further aliases; a reload may change them. */
  destinations: readonly string[];
  /** Puts that were tried, and the bytes of their data. */
  putItems = 0;
  putBytes = 0;
  /** Where those who read it wait: a queue that nothing comes into. Made for the first of them. */
  queue: Queue | null = null;

  constructor(name: string, destinations: readonly string[], createdMs: number) {
    this.name = name;
    this.createdMs = createdMs;
    this.destinations = destinations;
  }

  /**
   * Puts an item of `size` bytes into each destination by `putInto`, whatever became of the others. The receipt is
   * kept when all are; else it gives the first refusal, or throws the first error.
   */
  put(size: number, putInto: (destination: string) => Receipt | PutRefusal): Receipt | PutRefusal {
    this.putItems++;
    this.putBytes += size;
    const receipts: Receipt[] = [];
    let refusal: PutRefusal | null = null;
    let failure: unknown = null;
    for (const destination of this.destinations) {
      try {
        const put = putInto(destination);
        if (typeof put === "string") refusal ??= put;
        else receipts.push(put);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== null) throw failure;
    return refusal ?? Receipt.all(receipts);
  }

  /** What `stats` tells of it. */
  stats(): [name: string, value: string | number][] {
    return [
      ["put_items", this.putItems],
      ["put_bytes", this.putBytes],
      ["children", this.destinations.join(",")],
    ];
  }

  /** It is no alias any more: whoever waits hears so. */
  end(): void {
    this.queue?.end();
    this.queue?.reader.log.abandon();
    this.queue = null;
  }
}
