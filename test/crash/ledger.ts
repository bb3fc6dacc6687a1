/**
 * What one queue must hold, by what its clients have been told: the judge of crash tests.
 *
 *              stored()              opened()            confirming()              confirmed()
 *     sent ------------> stored ---------------> open ------------------> confirming ---------> gone
 *       |                  |   <---------------                              |
 *       | crashed()        |      putBack()                                  | crashed()
 *       v                  | took()                                          v
 *     perhapsStored        +-------------------> gone                   perhapsGone
 *
 * A crash puts open items back. An answer that the crash swallowed leaves it open what has happened: a put may
 * have been carried out, a confirm too, and each plain get in flight may have taken one item. A flush or delete
 * ends all that is stored, for good once it is answered, and all or nothing when its answer was swallowed. An item
 * with an expiry may be gone from then on, and must not be handed out to who asks later.
 */

export interface Item {
  queue: string;
  /** Name of one connection that puts. */
  producer: string;
  /** Rises by one with each put of the producer. */
  number: number;
  size: number;
}

type State =
  | "sent"
  | "stored"
  | "open"
  | "confirming"
  | "flushing"
  | "gone"
  | "perhapsStored"
  | "perhapsGone";

interface Entry {
  item: Item;
  state: State;
  /** Moments of the put's sending and of its answer, in ticks of the ledger. */
  sentAt: number;
  storedAt: number;
  /** How long it lives; null: for ever. */
  lifeMs: number | null;
  /** It may be over from then on, and is over from then on; in ms since the epoch. */
  lapsesFromMs: number;
  lapsedByMs: number;
}

export class Ledger {
  readonly queue: string;
  /** Everything that must not happen and did, in words. */
  readonly violations: string[] = [];
  #entries = new Map<string, Entry>();
  #tick = 0;
  /** Plain gets without an answer yet. */
  #takes = 0;
  /** Items that plain gets may have taken when a crash swallowed the answer. */
  #perhapsTaken = 0;
  /** What a flush may have ended when a crash swallowed its answer. */
  #perhapsFlushed: Entry[] = [];

  constructor(queue: string) {
    this.queue = queue;
  }

  /** `lifeMs`: counted by the server from when it gets the item; null: for ever. */
  sending(item: Item, lifeMs: number | null = null): void {
    this.#entries.set(keyOf(item), {
      item,
      state: "sent",
      sentAt: ++this.#tick,
      storedAt: Number.POSITIVE_INFINITY,
      lifeMs,
      lapsesFromMs: lifeMs === null ? Number.POSITIVE_INFINITY : Date.now() + lifeMs,
      lapsedByMs: Number.POSITIVE_INFINITY,
    });
  }

  stored(item: Item): void {
    const entry = this.#entry(item)!;
    entry.storedAt = ++this.#tick;
    limitLife(entry);
    // Somebody may have read it before this answer came.
    if (entry.state === "sent") entry.state = "stored";
  }

  taking(): void {
    this.#takes++;
  }

  /** `askedMs`: when the get was sent, if expiry is to be judged. */
  took(body: Buffer | null, askedMs = 0): void {
    this.#takes--;
    if (body !== null) this.#receive(body, "gone", askedMs);
  }

  /** Returns the item, to be named again when it is confirmed or put back; null when it was none of ours. */
  opened(body: Buffer): Item | null {
    return this.#receive(body, "open");
  }

  confirming(item: Item): void {
    this.#entry(item)!.state = "confirming";
  }

  confirmed(item: Item): void {
    this.#entry(item)!.state = "gone";
  }

  /** An abort, or the end of the connection, is on its way: from now on others may get the item. */
  putBack(item: Item): void {
    this.#entry(item)!.state = "stored";
  }

  /** A flush is on its way, or a delete, which ends what is open too. Nothing else of this queue may be in flight. */
  flushing(endsOpen: boolean): void {
    for (const entry of this.#entries.values()) {
      const { state } = entry;
      if (state === "open" ? endsOpen : state !== "gone") entry.state = "flushing";
    }
  }

  flushed(): void {
    for (const entry of this.#entries.values()) if (entry.state === "flushing") entry.state = "gone";
  }

  /** It is open whether a flush was carried out: the queue is to be drained before anything else happens to it. */
  get isToBeDrained(): boolean {
    return this.#perhapsFlushed.length > 0;
  }

  /** The server is gone, and every answer it gave has been told to this ledger. */
  crashed(): void {
    this.#perhapsTaken += this.#takes;
    this.#takes = 0;
    for (const entry of this.#entries.values()) {
      if (entry.state === "sent") {
        entry.state = "perhapsStored";
        limitLife(entry);
      } else if (entry.state === "open") entry.state = "stored";
      else if (entry.state === "confirming") entry.state = "perhapsGone";
      else if (entry.state === "flushing") {
        entry.state = "perhapsGone";
        // Those that have a time of their own to go say nothing of the others.
        if (entry.lifeMs === null && entry.storedAt < Number.POSITIVE_INFINITY)
          this.#perhapsFlushed.push(entry);
      }
    }
  }

  /** The fewest and the most items that the queue may hold while nothing is in flight. */
  lengthBounds(): [number, number] {
    let certain = 0;
    let possible = 0;
    const nowMs = Date.now();
    for (const { state, lapsesFromMs } of this.#entries.values()) {
      if (state === "perhapsStored" || state === "perhapsGone") possible++;
      else if (state === "stored" || state === "open") {
        if (lapsesFromMs > nowMs) certain++;
        else possible++;
      }
    }
    return [Math.max(0, certain - this.#perhapsTaken), certain + possible];
  }

  /**
   * All that the queue held, in the order in which it came out; it is empty now and nothing is in flight.
   * `askedMs`: when the first was asked for.
   */
  drained(bodies: Buffer[], askedMs = 0): void {
    const items = bodies.map((body) => this.#receive(body, "gone", askedMs));
    this.#judgeOrder(items.filter((item) => item !== null).map((item) => this.#entry(item)!));
    this.#judgeFlush();
    this.#settlePuts();
    const nowMs = Date.now();
    const missing = [...this.#entries.values()]
      .filter(({ state, lapsesFromMs }) => state === "stored" && lapsesFromMs > nowMs)
      .map(({ item }) => item);
    if (missing.length > this.#perhapsTaken) {
      const names = missing.slice(0, 10).map(keyOf).join(", ");
      this.#violate(`${missing.length} items are lost (${names}); ${this.#perhapsTaken} may have been taken`);
    }
    this.#entries.clear();
    this.#perhapsTaken = 0;
  }

  #receive(body: Buffer, next: "open" | "gone", askedMs = 0): Item | null {
    const item = parseBody(body);
    const entry = item === null ? undefined : this.#entry(item);
    if (item === null || entry === undefined) {
      this.#violate(`an item that was never put: ${body.toString("latin1", 0, 60)} (${body.length} bytes)`);
      return null;
    }
    if (!body.equals(bodyOf(entry.item))) this.#violate(`${keyOf(item)} came back with other bytes`);
    if (entry.lapsedByMs < askedMs) this.#violate(`${keyOf(item)} was handed out after its time`);
    if (entry.state === "open" || entry.state === "confirming" || entry.state === "gone") {
      this.#violate(`${keyOf(item)} was handed out again while it was ${entry.state}`);
    }
    entry.state = next;
    return entry.item;
  }

  /** No item comes out before one whose put had been answered when its own was sent, nor before its producer's. */
  #judgeOrder(entries: Entry[]): void {
    const numbers = new Map<string, number>();
    for (const { item } of entries) {
      if (item.number <= (numbers.get(item.producer) ?? -1))
        this.#violate(`${keyOf(item)} is out of its producer's order`);
      numbers.set(item.producer, item.number);
    }
    let earliest: Entry | undefined;
    for (const entry of entries.toReversed()) {
      if (earliest !== undefined && earliest.storedAt < entry.sentAt) {
        this.#violate(
          `${keyOf(entry.item)} came before ${keyOf(earliest.item)}, which had been stored earlier`,
        );
      }
      if (earliest === undefined || entry.storedAt < earliest.storedAt) earliest = entry;
    }
  }

  /** A flush without an answer has ended all or nothing. */
  #judgeFlush(): void {
    const flushed = this.#perhapsFlushed;
    this.#perhapsFlushed = [];
    const back = flushed.filter(({ state }) => state === "gone").length;
    if (back > 0 && back < flushed.length) {
      this.#violate(`half a flush: ${back} of ${flushed.length} items were still there`);
    }
  }

  /** A connection's puts are carried out in order: if a later one was, an earlier one can't be missing. */
  #settlePuts(): void {
    const last = new Map<string, number>();
    for (const { item, state } of this.#entries.values()) {
      if (state !== "perhapsStored")
        last.set(item.producer, Math.max(item.number, last.get(item.producer) ?? -1));
    }
    for (const entry of this.#entries.values()) {
      const { producer, number } = entry.item;
      if (entry.state === "perhapsStored" && number < (last.get(producer) ?? -1)) entry.state = "stored";
    }
  }

  #entry(item: Item): Entry | undefined {
    return this.#entries.get(keyOf(item));
  }

  #violate(what: string): void {
    this.violations.push(`${this.queue}: ${what}`);
  }
}

/** The server has the item by now, or never. */
function limitLife(entry: Entry): void {
  if (entry.lifeMs !== null) entry.lapsedByMs = Date.now() + entry.lifeMs;
}

/** The item's bytes: its names, then a filling that is its own, `size` bytes at least. */
export function bodyOf(item: Item): Buffer {
  const head = `${item.queue} ${item.producer} ${item.number} ${item.size} `;
  return Buffer.alloc(Math.max(item.size, head.length), head);
}

function parseBody(body: Buffer): Item | null {
  const [queue, producer, number, size] = body.toString("latin1", 0, 200).split(" ");
  if (queue === undefined || producer === undefined || size === undefined) return null;
  return { queue, producer, number: Number(number), size: Number(size) };
}

function keyOf(item: Item): string {
  return `${item.queue}/${item.producer}/${item.number}`;
}
