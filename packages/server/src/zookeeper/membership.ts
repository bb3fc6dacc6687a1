/**
 * What a node knows of its entries in the server sets, and what to do next so that they fit its status. Asks ZooKeeper
 * nothing itself.
 */
import type { ServerStatus } from "../settings/server-settings.ts";

export type SetName = "read" | "write";

/** In the order in which a node joins them. */
export const setNames: readonly SetName[] = ["read", "write"];

/** The sets that a node of this status is in. */
export const setsOf: Readonly<Record<ServerStatus, readonly SetName[]>> = {
  up: ["read", "write"],
  "write-avoid": ["read"],
  "read-only": ["read"],
  quiescent: [],
};

export type Step =
  | { readonly kind: "check"; readonly set: SetName; readonly path: string }
  | { readonly kind: "leave"; readonly set: SetName; readonly path: string }
  | { readonly kind: "join"; readonly set: SetName };

export class Membership {
  /** The paths of our entries. */
  readonly #entries = new Map<SetName, string>();
  /** Sets that clients may find us in, entries on their way included. */
  readonly #visible = new Set<SetName>();
  /** Entries of which something was heard, or nothing yet, and that are not watched. */
  readonly #unchecked = new Set<SetName>();

  /** The sets that the node is in, as far as it knows. */
  get sets(): SetName[] {
    return setNames.filter((set) => this.#entries.has(set));
  }

  /** The sets that clients may find the node in. */
  get visibleSets(): SetName[] {
    return [...this.#visible];
  }

  /** Whether no client can find the node in any set but these. */
  isWithin(wanted: readonly SetName[]): boolean {
    return this.visibleSets.every((set) => wanted.includes(set));
  }

  /**
   * Out of write before out of read, into read before into write, and out before in. Undefined when the node is in the
   * sets that are wanted, and in no other.
   */
  nextStep(wanted: readonly SetName[]): Step | undefined {
    for (const set of setNames.toReversed()) {
      const path = this.#entries.get(set);
      if (path === undefined) continue;
      if (!wanted.includes(set)) return { kind: "leave", set, path };
      if (this.#unchecked.has(set)) return { kind: "check", set, path };
    }
    const missing = wanted.find((set) => !this.#entries.has(set));
    return missing === undefined ? undefined : { kind: "join", set: missing };
  }

  /** An entry is on its way. */
  join(set: SetName): void {
    this.#visible.add(set);
  }

  /** This is our entry, and it is to be checked. */
  hold(set: SetName, path: string): void {
    this.#entries.set(set, path);
    this.#visible.add(set);
    this.#unchecked.add(set);
  }

  /** Our entry is being looked at, and watched. */
  check(set: SetName): void {
    this.#unchecked.delete(set);
  }

  /** Something became of an entry. False: it is no longer ours. */
  touch(set: SetName, path: string): boolean {
    if (this.#entries.get(set) !== path) return false;
    this.#unchecked.add(set);
    return true;
  }

  /** There is no entry of ours in that set. */
  drop(set: SetName): void {
    this.#entries.delete(set);
    this.#visible.delete(set);
    this.#unchecked.delete(set);
  }

  /** There is none in any. */
  clear(): void {
    for (const set of setNames) this.drop(set);
  }
}
