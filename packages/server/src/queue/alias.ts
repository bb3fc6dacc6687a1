/** A name that puts into several queues. Reading it finds nothing, however long one waits. */
import type { Queue } from "./queue.ts";

export class Alias {
  readonly name: string;
  /** Names of queues, fanouts or further aliases; a reload may change them. */
  destinations: readonly string[];
  /** Puts that were tried, and the bytes of their data. */
  putItems = 0;
  putBytes = 0;
  /** Where those who read it wait: a queue that nothing comes into. Made for the first of them. */
  queue: Queue | null = null;

  constructor(name: string, destinations: readonly string[]) {
    this.name = name;
    this.destinations = destinations;
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
