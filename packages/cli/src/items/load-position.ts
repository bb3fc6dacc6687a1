/**
 * How far a file has been put into a queue, kept beside it in `<file>.loaded`, so that a load that was cut
 * short can go on where it was. Everything before the position is stored; something after it may be as well,
 * and is then put twice rather than not at all. It holds for one queue: in another nothing of the file is there.
 */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { CommandError } from "../exit-code.ts";

interface Position {
  queue: string;
  items: number;
  offset: number;
}

export class LoadPosition {
  readonly #path: string;
  #position: Position;
  /** Ends of the items that are on their way, by number. */
  readonly #ends: Map<number, number> = new Map();
  readonly #stored: Set<number> = new Set();

  private constructor(path: string, position: Position) {
    this.#path = path;
    this.#position = position;
  }

  /** Where the last load of this file into the queue ended, or its beginning. */
  static async find(file: string, queue: string): Promise<LoadPosition> {
    const path = `${file}.loaded`;
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return new LoadPosition(path, { queue, items: 0, offset: 0 });
    }
    const position = parsePosition(text);
    if (position === undefined) throw new CommandError(`${path} holds no position; remove it to begin anew`);
    if (position.queue !== queue) {
      throw new CommandError(
        `${file} was cut short on its way into ${position.queue}: go on there, or remove ${path} to begin anew`,
      );
    }
    return new LoadPosition(path, position);
  }

  /** How many items from the beginning of the file are stored. */
  get items(): number {
    return this.#position.items;
  }

  /** Where in the file the next one starts. */
  get offset(): number {
    return this.#position.offset;
  }

  /** Item `number`, counted from 1 over the whole file and given in order, ends at `offset`. */
  expect(number: number, offset: number): void {
    this.#ends.set(number, offset);
  }

  /** Item `number` is stored. */
  stored(number: number): void {
    this.#stored.add(number);
    let next = this.#position.items + 1;
    while (this.#stored.delete(next)) {
      this.#position = { ...this.#position, items: next, offset: this.#ends.get(next)! };
      this.#ends.delete(next);
      next++;
    }
  }

  /** Writes the position down, whole or not at all. */
  async save(): Promise<void> {
    const temporary = `${this.#path}~`;
    await writeFile(temporary, JSON.stringify(this.#position));
    await rename(temporary, this.#path);
  }

  /** Everything is stored: the next load of the file begins at its beginning. */
  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Undefined when the text is no position. */
function parsePosition(text: string): Position | undefined {
  let position: Partial<Position> | null;
  try {
    position = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { queue, items, offset } = position ?? {};
  if (typeof queue !== "string" || !isCount(items) || !isCount(offset)) return undefined;
  return { queue, items, offset };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
