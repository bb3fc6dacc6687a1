/**
 * A reader on a log: the queue itself, or one of its fanouts. It knows which items are done, which are open, and
 * where the next one lies. Opening writes nothing: after a crash an unconfirmed item is simply still there.
 *
 * Every id below the log's next one is in exactly one state: done, open, returned (open once, back at the head),
 * or ready (at or behind the position and not done).
 */
import { readU64 } from "./bytes.ts";
import type { Chunk } from "./chunk.ts";
import { frameHeadSize, frameType } from "./frame.ts";
import { type IdRanges, lengthOf } from "./id-ranges.ts";
import type { ItemView } from "./item-view.ts";
import type { Log } from "./log.ts";
import { OpenPlaces, type Place } from "./open-places.ts";
import type { Receipt } from "./receipt.ts";
import { putExpiry, type ReaderState, recordType } from "./record.ts";
import type { Segment } from "./segment.ts";
import { TurnDone } from "./turn-done.ts";

/** `item`: there is one, in `view`. `loading`: it must be read from the file first; the reader is told. */
export type Found = "item" | "none" | "loading";

const nothing: Buffer = Buffer.alloc(0);

export class LogReader {
  readonly log: Log;
  readonly number: number;
  /** Empty for the queue itself, else the fanout's name behind the `+`. */
  readonly name: string;
  readonly done: IdRanges;
  /** Items that can be had now (not the open ones), and the bytes of their data. */
  items: number;
  bytes: number;
  openBytes = 0;
  /** The item that `find` found. */
  readonly view: ItemView = {
    id: 0,
    flags: 0,
    addTimeMs: 0,
    expiryMs: 0,
    buffer: nothing,
    start: 0,
    end: 0,
    receipt: null,
  };
  /** Called when bytes that `find` needed are here, or cannot be had. */
  onLoaded: (isThere: boolean) => void = () => {};

  /** Where to look for the next item: all before it is done, open or returned. */
  chunk: Chunk;
  #at = 0;
  /** It was there before any item with this id or a later one. */
  #firstId: number;
  /** The last item before the position. */
  #passedId = 0;
  /** Where the item in `view` starts. */
  #found: { chunk: Chunk; at: number; isReturned: boolean };
  readonly #open: OpenPlaces = new OpenPlaces();
  /** Open items that damage has taken from the files meanwhile: they are done, whatever whoever has them says. */
  readonly #lostOpen: Set<number> = new Set();
  /** Ascending by id; all before the position. */
  readonly #returned: Place[] = [];
  readonly #turnDone: TurnDone = new TurnDone();

  constructor(
    log: Log,
    number: number,
    name: string,
    done: IdRanges,
    items: number,
    bytes: number,
    chunk: Chunk,
  ) {
    this.log = log;
    this.number = number;
    this.name = name;
    this.done = done;
    this.#firstId = done.end;
    this.items = items;
    this.bytes = bytes;
    this.chunk = chunk;
    this.#found = { chunk, at: 0, isReturned: false };
  }

  get openLength(): number {
    return this.#open.length;
  }

  /** Items that were given back, by id: they come first again. */
  returnedPlaces(): readonly Place[] {
    return this.#returned;
  }

  /** Where to look in `chunk` for the next item, as `find` left it. */
  get at(): number {
    return this.#at;
  }

  /** Puts the position behind all that the tail holds now. */
  moveToEnd(tail: Chunk): void {
    this.chunk = tail;
    this.#at = tail.size;
    this.#passedId = this.log.nextId - 1;
  }

  /** What a new segment says of this reader. */
  state(): ReaderState {
    return {
      number: this.number,
      name: this.name,
      items: this.items + this.#open.length,
      bytes: this.bytes + this.openBytes,
      done: [...this.done],
    };
  }

  /** Whether `find` would answer without the file. */
  get isHeadInMemory(): boolean {
    return (this.#returned[0]?.chunk ?? this.chunk).view !== null;
  }

  /** Looks for the item at the head: the returned one with the smallest id, else the next one in the log. */
  find(): Found {
    const returned = this.#returned[0];
    if (returned === undefined) return this.#walk();
    if (returned.chunk.view === null) {
      this.log.load(returned.chunk, this);
      return "loading";
    }
    this.#show(returned.chunk, returned.chunk.view, returned.at, true);
    return "item";
  }

  #walk(): Found {
    for (;;) {
      const chunk = this.chunk;
      if (this.#at >= chunk.size || chunk.segment.isDropped) {
        if (chunk.next === null) return "none";
        this.chunk = chunk.next;
        this.#at = 0;
        this.log.left(chunk, this);
        continue;
      }
      const view = chunk.view;
      if (view === null) {
        this.log.load(chunk, this);
        return "loading";
      }
      const at = this.#at;
      const type = view.getUint8(at);
      if (type === recordType.put) {
        const id = readU64(view, at + 8);
        // Ids rise; one that does not is a piece of the file that damage has put there twice.
        if (id > this.#passedId && (id >= this.done.end || !this.done.has(id))) {
          this.#show(chunk, view, at, false);
          return "item";
        }
      }
      this.#at =
        at + (type === frameType ? frameHeadSize : view.getUint8(at + 1) + view.getUint32(at + 4, true));
    }
  }

  #show(chunk: Chunk, bytes: DataView, at: number, isReturned: boolean): void {
    const found = this.#found;
    found.chunk = chunk;
    found.at = at;
    found.isReturned = isReturned;
    const item = this.view;
    item.id = readU64(bytes, at + 8);
    item.addTimeMs = readU64(bytes, at + 16);
    item.flags = bytes.getUint32(at + 24, true);
    item.expiryMs = putExpiry(bytes, at);
    item.buffer = chunk.buffer!;
    item.start = at + bytes.getUint8(at + 1);
    item.end = item.start + bytes.getUint32(at + 4, true);
    item.receipt = this.log.receiptFor(item.id);
  }

  /** The item in `view` is done. */
  take(): void {
    const { id, start, end } = this.view;
    this.#step();
    this.#finish(id, end - start, this.#found.chunk);
    // Later than that of the put, which it covers.
    this.view.receipt = this.log.receiptForDone() ?? this.view.receipt;
  }

  /** The item in `view` is open until it is confirmed or given back. */
  open(): Place {
    const { id, start, end } = this.view;
    this.#step();
    const place = { id, chunk: this.#found.chunk, at: this.#found.at, size: end - start };
    this.#open.add(place);
    this.openBytes += place.size;
    return place;
  }

  #passTo({ id, end }: ItemView): void {
    this.#at = end;
    this.#passedId = id;
  }

  #step(): void {
    if (this.#found.isReturned) this.#returned.shift();
    else this.#passTo(this.view);
    this.items--;
    // Of what damage has taken the items are known, the bytes only about.
    this.bytes = this.items === 0 ? 0 : Math.max(0, this.bytes - this.view.end + this.view.start);
  }

  /** An open item is done for good. False: this id is not open. */
  confirm(id: number): Receipt | null | false {
    if (this.#lostOpen.delete(id)) return this.log.receiptForDone();
    const place = this.#open.take(id);
    if (place === undefined) return false;
    this.openBytes -= place.size;
    this.#finish(id, place.size, place.chunk);
    return this.log.receiptForDone();
  }

  /** An open item goes back to the head, in its old place. False: this id is not open. */
  giveBack(id: number): boolean {
    if (this.#lostOpen.delete(id)) return true;
    const place = this.#open.take(id);
    if (place === undefined) return false;
    this.openBytes -= place.size;
    let index = this.#returned.length;
    while (index > 0 && this.#returned[index - 1]!.id > id) index--;
    this.#returned.splice(index, 0, place);
    this.items++;
    this.bytes += place.size;
    return true;
  }

  /** The item appended last is not for this reader after all. */
  takeNewest(): void {
    const id = this.log.nextId - 1;
    const size = this.log.lastPutSize;
    this.items--;
    this.bytes -= size;
    this.#finish(id, size, this.log.tail);
  }

  /** The items of this segment that are open or returned lie elsewhere now. */
  movePlaces(segment: Segment, find: (id: number) => { chunk: Chunk; at: number }): void {
    const moved = (place: Place): Place =>
      place.chunk.segment === segment ? { ...place, ...find(place.id) } : place;
    this.#open.move(moved);
    for (const [index, place] of this.#returned.entries()) this.#returned[index] = moved(place);
  }

  /** Everything but the open items is done. Returns how many items that were. */
  flush(): number {
    const { items, bytes, log } = this;
    let from = this.done.firstMissing(0);
    for (const { id } of this.#open.sorted()) {
      this.#finishRange(from, id);
      from = id + 1;
    }
    this.#finishRange(from, log.nextId);
    this.#turnDone.count(items, bytes);
    this.items = 0;
    this.bytes = 0;
    this.#returned.length = 0;
    const left = this.chunk;
    this.moveToEnd(log.tail);
    log.noteDone(left);
    return items;
  }

  /** These ids were lost to damage: nobody will see them. */
  lose(from: number, to: number, bytes: number): void {
    // By ranges: a journal that was tampered with may tell of more ids than one could count.
    const lost = lengthOf(this.done.gaps(from, to));
    const open = this.#open.sorted().filter(({ id }) => id >= from && id < to);
    for (const { id, size } of open) {
      this.#open.take(id);
      this.openBytes -= size;
      this.#lostOpen.add(id);
    }
    if (lost === 0) return;
    this.#finishRange(from, to);
    const returned = this.#returned.filter((place) => place.id < from || place.id >= to);
    this.#returned.splice(0, this.#returned.length, ...returned);
    this.items = Math.max(0, this.items - lost + open.length);
    this.bytes = this.items === 0 ? 0 : Math.max(0, this.bytes - bytes);
    this.#turnDone.count(lost, bytes);
  }

  #finish(id: number, size: number, chunk: Chunk): void {
    this.done.add(id);
    this.#turnDone.add(id, size);
    this.log.noteDone(chunk);
  }

  #finishRange(from: number, to: number): void {
    if (from >= to) return;
    this.done.addRange(from, to);
    this.#turnDone.addRange(from, to);
  }

  /** Ranges that this turn's done record has to name. */
  get turnRangeCount(): number {
    return this.#turnDone.rangeCount;
  }

  encodeTurn(view: DataView, at: number): void {
    this.#turnDone.encode(view, at, this.number);
  }

  /** The done record is with the operating system. */
  turnWritten(): void {
    this.#turnDone.clear();
  }

  /** One put of a turn that could not be written: whatever was done with it never happened. */
  undoPut(id: number, size: number): void {
    // It came after the item, in the same turn.
    if (id < this.#firstId) return;
    if (this.#open.take(id) !== undefined) {
      this.openBytes -= size;
    } else if (this.done.has(id)) {
      this.#turnDone.count(-1, -size);
    } else {
      this.items--;
      this.bytes -= size;
      const index = this.#returned.findIndex((place) => place.id === id);
      if (index >= 0) this.#returned.splice(index, 1);
    }
  }

  /** After all `undoPut`s: the log ends at this id and place again. */
  undoTurn(nextId: number, tail: Chunk, at: number): void {
    this.#firstId = Math.min(this.#firstId, nextId);
    this.done.cutFrom(nextId);
    this.#turnDone.cutFrom(nextId);
    this.#passedId = Math.min(this.#passedId, nextId - 1);
    if (this.chunk.order > tail.order || (this.chunk === tail && this.#at > at)) {
      this.chunk = tail;
      this.#at = at;
    }
  }
}
