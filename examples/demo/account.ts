/**
 * What became of each item. An item is named by its producer and its number; a put whose outcome nobody knows is
 * made again under the next attempt, so that a second copy can be told from an item that was handed out twice.
 *
 * The order is judged for each node, queue and producer: a queue with one reader must give back each producer's
 * items in the order in which that producer put them. What is read a second time is left out of this.
 */

export interface DemoItem {
  producer: number;
  number: number;
  /** From 1. */
  attempt: number;
}

export interface NodeAccount {
  read: number;
  redelivered: number;
  orderViolations: number;
}

export class Account {
  /** Answered with "stored"; each item counts once. */
  stored = 0;
  /** Puts that may or may not have happened, and were made again. */
  unknownPuts = 0;
  /** Distinct items read. */
  read = 0;
  /** Read again, since a node was killed between the reading and the confirming. */
  redelivered = 0;
  /** Second copies that came of puts made again. */
  secondCopies = 0;
  readonly nodes: Map<string, NodeAccount> = new Map();
  readonly #storedItems = new Set<string>();
  readonly #readItems = new Set<string>();
  readonly #readCopies = new Set<string>();
  /** The last number read of each node, queue and producer. */
  readonly #last = new Map<string, number>();

  store({ producer, number }: DemoItem): void {
    this.#storedItems.add(`${producer}:${number}`);
    this.stored++;
  }

  see(node: string, queue: string, item: DemoItem): void {
    const { producer, number, attempt } = item;
    const account = this.nodes.get(node) ?? { read: 0, redelivered: 0, orderViolations: 0 };
    this.nodes.set(node, account);
    const copy = `${producer}:${number}:${attempt}`;
    if (this.#readCopies.has(copy)) {
      this.redelivered++;
      account.redelivered++;
      return;
    }
    this.#readCopies.add(copy);
    account.read++;
    if (this.#readItems.has(`${producer}:${number}`)) this.secondCopies++;
    else this.read++;
    this.#readItems.add(`${producer}:${number}`);
    const line = `${node} ${queue} ${producer}`;
    if (number < (this.#last.get(line) ?? 0)) account.orderViolations++;
    this.#last.set(line, number);
  }

  /** Items that were stored and never read. */
  get lost(): number {
    let lost = 0;
    for (const item of this.#storedItems) if (!this.#readItems.has(item)) lost++;
    return lost;
  }

  get orderViolations(): number {
    let violations = 0;
    for (const account of this.nodes.values()) violations += account.orderViolations;
    return violations;
  }
}
