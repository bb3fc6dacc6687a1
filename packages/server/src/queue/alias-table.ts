/** The aliases of one node by name, as the rules have them, and what became of the puts into each. */
import { Alias } from "./alias.ts";

export class AliasTable {
  readonly #aliases: Map<string, Alias> = new Map();

  /** The aliases of these rules from now on; those that are none any more end. Returns the names that are new. */
  apply(
    names: readonly string[],
    destinationsOf: (name: string) => readonly string[],
    nowMs: number,
  ): string[] {
    for (const alias of [...this.#aliases.values()]) {
      if (names.includes(alias.name)) continue;
      this.#aliases.delete(alias.name);
      alias.end();
    }
    const added: string[] = [];
    for (const name of names) {
      const alias = this.#aliases.get(name);
      if (alias !== undefined) {
        alias.destinations = destinationsOf(name);
      } else {
        this.#aliases.set(name, new Alias(name, destinationsOf(name), nowMs));
        added.push(name);
      }
    }
    return added;
  }

  find(name: string): Alias | undefined {
    return this.#aliases.size === 0 ? undefined : this.#aliases.get(name);
  }

  /** In the order of the settings. */
  all(): IterableIterator<Alias> {
    return this.#aliases.values();
  }

  dismissWaiters(): void {
    for (const { queue } of this.#aliases.values()) queue?.dismissWaiters();
  }

  end(): void {
    for (const alias of this.#aliases.values()) alias.end();
    this.#aliases.clear();
  }
}
