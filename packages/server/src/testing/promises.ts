/**
 * What a node's queues have promised so far, and whether what a later node gives agrees with it: the judge of tests
 * that cut the power. Each put and each finished item is known to be with the operating system ("written"), on the
 * medium ("safe"), or neither, and then it may have happened or not.
 */

type Certainty = "none" | "sent" | "written" | "safe";

/** One item for one reader. */
export interface PromisedItem {
  readonly text: string;
  readonly putTurn: number;
  put: Certainty;
  finishTurn: number;
  finish: Certainty;
}

/** What the next node must agree with: all that was written (after a kill), or all that was safe. */
export type Cut = "written" | "safe";

/** One life of a queue or fanout, from its creation to its deletion. */
export class PromisedQueue {
  readonly name: string;
  readonly items: Map<string, PromisedItem> = new Map();
  readonly createdTurn: number;
  created: Certainty = "sent";
  deletedTurn: number = Number.POSITIVE_INFINITY;
  deleted: Certainty = "none";

  constructor(name: string, createdTurn: number) {
    this.name = name;
    this.createdTurn = createdTurn;
  }

  get family(): string {
    return this.name.split("+")[0]!;
  }

  /** Everything up to this turn, and from turn `from` on, is at least so certain. */
  promote(turn: number, certainty: "written" | "safe", from = 0): void {
    const isIn = (then: number): boolean => then >= from && then <= turn;
    if (isIn(this.createdTurn)) this.created = atLeast(this.created, certainty);
    if (isIn(this.deletedTurn)) this.deleted = atLeast(this.deleted, certainty);
    for (const item of this.items.values()) {
      // A put that was refused stays what it is: it may have left something.
      if (isIn(item.putTurn) && item.put === "written") item.put = atLeast(item.put, certainty);
      if (isIn(item.finishTurn)) item.finish = atLeast(item.finish, certainty);
    }
  }

  /** Whether it must be there; that of one to which nothing was ever put is of no consequence. */
  isSure(cut: Cut): boolean {
    return isAtLeast(this.created, cut) && [...this.items.values()].some(({ put }) => isAtLeast(put, cut));
  }

  /**
   * Each item that must be there was asked to be finished: where nobody syncs, a power loss may leave nothing that tells
   * of the queue.
   */
  isFinished(cut: Cut): boolean {
    return [...this.items.values()].every(({ put, finish }) => finish !== "none" || !isAtLeast(put, cut));
  }

  /** The item was asked to be finished. Gives it, to be told when that was answered. */
  finish(text: string, turn: number): PromisedItem | undefined {
    const item = this.items.get(text);
    if (item === undefined || item.finish !== "none") return undefined;
    item.finish = "sent";
    item.finishTurn = turn;
    return item;
  }

  /** It is not there after a kill. */
  bury(turn: number): void {
    if (this.deleted === "none") this.deletedTurn = turn;
    this.deleted = atLeast(this.deleted === "none" ? "sent" : this.deleted, "written");
  }

  /** It is there after a kill, with these items: everything has happened or not. */
  revive(texts: readonly string[], turn: number): void {
    // It may be a namesake that somebody asked for since, of which nothing needs to be on the medium.
    const mayBeAnother = this.deleted !== "none" && texts.length === 0;
    this.created = mayBeAnother ? "written" : atLeast(this.created, "written");
    this.deleted = "none";
    this.deletedTurn = Number.POSITIVE_INFINITY;
    const there = new Set(texts);
    for (const [text, item] of this.items) {
      if (there.has(text)) {
        item.put = atLeast(item.put, "written");
        item.finish = "none";
        item.finishTurn = Number.POSITIVE_INFINITY;
      } else if (item.put === "none" || (item.put === "sent" && item.finish === "none")) {
        this.items.delete(text);
      } else {
        if (item.finish === "none") item.finishTurn = turn;
        item.finish = atLeast(item.finish === "none" ? "sent" : item.finish, "written");
      }
    }
  }

  /** What is wrong with these items as the queue's, in the order in which they came; null: nothing. */
  findFault(texts: readonly string[], cut: Cut): string | null {
    let last = -1;
    const order = [...this.items.keys()];
    for (const text of texts) {
      const at = order.indexOf(text);
      if (at < 0) return `${short(text)} was never put`;
      if (at === last) return `${short(text)} is doubled`;
      if (at < last) return `${short(text)} is out of order`;
      last = at;
    }
    const there = new Set(texts);
    // One that was deleted a moment ago may be back with a part of what it had.
    const isWhole = this.deleted === "none";
    for (const { text, put, finish } of this.items.values()) {
      if (isWhole && isAtLeast(put, cut) && finish === "none" && !there.has(text))
        return `${short(text)} is lost`;
      if (isAtLeast(finish, cut) && there.has(text)) return `${short(text)} is back, and was finished`;
    }
    return null;
  }

  /** Whether these items are what the queue held at one moment. */
  wasEver(texts: readonly string[]): boolean {
    const there = new Set(texts);
    const items = [...this.items.values()];
    const turns = new Set([0, ...items.flatMap(({ putTurn, finishTurn }) => [putTurn, finishTurn])]);
    // Of that turn itself any part may have been written.
    const isOf = (turn: number): boolean =>
      items.every(({ text, putTurn, finishTurn }) => {
        if (putTurn > turn || finishTurn < turn) return !there.has(text);
        return putTurn === turn || finishTurn === turn || there.has(text);
      });
    return [...turns].some(isOf);
  }
}

/** All queues of a node, also those that were deleted a moment ago. */
export class Promises {
  readonly lives: PromisedQueue[] = [];
  turn = 1;
  /** Nobody syncs: a power loss may take all that is known of fanouts, whose items are then the queue's. */
  areFanoutsLoose = false;
  /** By an item's text the family that it was put into. */
  readonly #everPut: Map<string, string> = new Map();
  /** Families that have ever had a fanout. */
  readonly #everFanned: Set<string> = new Set();

  /** The queue of this name that is there now. */
  find(name: string): PromisedQueue | undefined {
    return this.lives.findLast((life) => life.name === name && life.deleted === "none");
  }

  obtain(name: string): PromisedQueue {
    let life = this.find(name);
    if (life === undefined) {
      life = new PromisedQueue(name, this.turn);
      this.lives.push(life);
      if (name.includes("+")) this.#everFanned.add(life.family);
    }
    return life;
  }

  /** The item goes to all the queue's readers. Gives what to call when the put was answered. */
  put(name: string, text: string): PromisedItem[] {
    this.obtain(name);
    const items: PromisedItem[] = [];
    this.#everPut.set(text, name.split("+")[0]!);
    for (const life of this.lives) {
      if (life.name !== name && !life.name.startsWith(`${name}+`)) continue;
      // A fanout that was deleted a moment ago may be back, with what was put since.
      const item = putInTurn(text, this.turn, life.deleted === "none" ? "sent" : "none");
      life.items.set(text, item);
      if (life.deleted === "none") items.push(item);
    }
    return items;
  }

  delete(name: string): void {
    const life = this.find(name);
    if (life === undefined) return;
    life.deleted = "sent";
    life.deletedTurn = this.turn;
  }

  /** What one log's files hold up to a turn is at least so certain. */
  promote(family: string, turn: number, certainty: "written" | "safe", from = 0): void {
    for (const life of this.lives) if (life.family === family) life.promote(turn, certainty, from);
  }

  /** Compares with what the next node has after a power loss: from then on that is what is promised. */
  settleLoss(found: ReadonlyMap<string, readonly string[]>, cut: Cut, isPrefix: boolean): void {
    this.#judgeAll(found, cut, isPrefix);
    this.lives.length = 0;
    for (const [name, texts] of found) {
      const life = new PromisedQueue(name, 0);
      life.created = "safe";
      for (const text of texts) life.items.set(text, putInTurn(text, 0, "safe"));
      this.lives.push(life);
    }
  }

  /** Compares with what the next node has after a kill. What was not on the medium still isn't. */
  settleKill(found: ReadonlyMap<string, readonly string[]>): void {
    const living = this.#judgeAll(found, "written", false);
    for (const life of this.lives) {
      const texts = found.get(life.name);
      if (texts !== undefined && living.has(life)) life.revive(texts, this.turn);
      else life.bury(this.turn);
    }
    for (const [name, texts] of found) if (texts.length === 0) this.obtain(name);
  }

  /** Gives the lives that go on. */
  #judgeAll(
    found: ReadonlyMap<string, readonly string[]>,
    cut: Cut,
    isPrefix: boolean,
  ): Set<PromisedQueue | undefined> {
    const names = new Set([...this.lives.map(({ name }) => name), ...found.keys()]);
    return new Set([...names].map((name) => this.#judge(name, found.get(name), cut, isPrefix)));
  }

  #judge(
    name: string,
    texts: readonly string[] | undefined,
    cut: Cut,
    isPrefix: boolean,
  ): PromisedQueue | undefined {
    const candidates = this.lives
      .filter((life) => life.name === name && !isAtLeast(life.deleted, cut))
      .reverse();
    if (texts === undefined) {
      // Nothing tells of fanouts but the newest segments.
      if (this.areFanoutsLoose && name.includes("+")) return undefined;
      const lost = candidates.find(
        (life) =>
          life.deleted === "none" && life.isSure(cut) && !(this.areFanoutsLoose && life.isFinished(cut)),
      );
      if (lost !== undefined) throw new Error(`${name} is gone, with ${lost.items.size} items`);
      return undefined;
    }
    const faults = candidates.map((life) => {
      const fault = life.findFault(texts, cut);
      if (fault === null && isPrefix && !life.wasEver(texts)) return "never held just these items";
      return fault;
    });
    const isNew = !candidates.some((life) => life.deleted === "none" && life.isSure(cut));
    const isExcused = (isNew && texts.length === 0) || this.#isFamilyMerged(name, texts, cut);
    if (!faults.includes(null) && !isExcused)
      throw new Error(`${name}: ${faults[0] ?? "is back, and was deleted"}`);
    return candidates[faults.indexOf(null)];
  }

  /**
   * Where all that told the readers of a log is lost, its items count as the queue's own, also those that only a
   * fanout had.
   */
  #isFamilyMerged(name: string, texts: readonly string[], cut: Cut): boolean {
    const family = this.lives.filter((life) => life.family === name.split("+")[0]);
    if (!this.#everFanned.has(name.split("+")[0]!) && !this.#hasWhatWasSafe(texts, family)) return false;
    // With the records of fanouts their numbers are lost, and may be given to others.
    if (name.includes("+") && !this.areFanoutsLoose) return false;
    if (!this.areFanoutsLoose && family.some((life) => life.isSure(cut))) return false;
    const numbers = texts.map((text) => Number.parseInt(text, 10));
    if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!)) return false;
    return texts.every((text) =>
      this.areFanoutsLoose
        ? this.#everPut.get(text) === name.split("+")[0]
        : family.some((life) => life.items.has(text)),
    );
  }

  /** What an earlier loss has left is on the medium, if somebody syncs or not. */
  #hasWhatWasSafe(texts: readonly string[], family: readonly PromisedQueue[]): boolean {
    const items = family
      .filter(({ deleted }) => deleted === "none")
      .flatMap((life) => [...life.items.values()]);
    return items.every(
      ({ text, put, finish }) => put !== "safe" || finish !== "none" || texts.includes(text),
    );
  }
}

function putInTurn(text: string, putTurn: number, put: Certainty): PromisedItem {
  return { text, putTurn, put, finish: "none", finishTurn: Number.POSITIVE_INFINITY };
}

const order: readonly Certainty[] = ["none", "sent", "written", "safe"];

function isAtLeast(certainty: Certainty, least: Certainty): boolean {
  return order.indexOf(certainty) >= order.indexOf(least);
}

function atLeast(certainty: Certainty, least: Certainty): Certainty {
  return certainty === "none" || isAtLeast(certainty, least) ? certainty : least;
}

function short(text: string): string {
  return text.replace(/\D*$/, "");
}
