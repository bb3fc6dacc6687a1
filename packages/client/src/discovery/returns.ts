// Nodes that vanish from ZooKeeper often come back at once: their session was lost, somebody has deleted an entry. So
// a node is let go only after a while, and nothing is put there meanwhile. When all of them have vanished together,
// ZooKeeper has forgotten them, and it may have while it could not be asked: then all stay, and each is given time to
// announce itself anew.

import type { FoundNode, FoundNodes } from "./source.ts";

/** How long a node may be missing. */
const MISSING_MS = 2_000;
/** The same after all were missing, or an outage: nodes notice by and by that they have to announce themselves again. */
const RETURN_MS = 20_000;

interface Missing {
  readonly node: FoundNode;
  readonly deadline: number;
}

export class Returns {
  readonly #onChange: (nodes: FoundNodes) => void;
  #found: FoundNodes = new Map();
  #missing = new Map<string, Missing>();
  #timer: NodeJS.Timeout | undefined;
  #isEmptied = false;
  /** Until when a missing node is one that hasn't come back yet. */
  #returnsUntil = 0;

  /** `onChange` is told of all nodes: those found, and those that may come back. */
  constructor(onChange: (nodes: FoundNodes) => void) {
    this.#onChange = onChange;
  }

  /** The nodes that are announced now; `isFirstLook`, after a time in which nobody looked. */
  found(found: FoundNodes, isFirstLook: boolean): void {
    const known = this.#known();
    if (found.size === 0) {
      this.#isEmptied = known.size > 0;
      this.#settle(known);
      return;
    }
    const now = performance.now();
    if (this.#isEmptied || (isFirstLook && known.size > 0)) this.#returnsUntil = now + RETURN_MS;
    this.#isEmptied = false;
    const deadline = Math.max(now + MISSING_MS, this.#returnsUntil);
    const missing = new Map<string, Missing>();
    for (const [id, node] of known) {
      if (!found.has(id)) missing.set(id, this.#missing.get(id) ?? { node, deadline });
    }
    this.#missing = missing;
    this.#settle(found);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** With those that are missing as they were last. */
  #known(): FoundNodes {
    const missing = [...this.#missing].map(([id, { node }]): [string, FoundNode] => [id, node]);
    return new Map([...missing, ...this.#found]);
  }

  #settle(found: FoundNodes): void {
    this.#found = found;
    clearTimeout(this.#timer);
    const now = performance.now();
    const isReturning = now < this.#returnsUntil;
    const all = new Map(found);
    let next = Number.POSITIVE_INFINITY;
    for (const [id, { node, deadline }] of this.#missing) {
      if (found.has(id) || deadline <= now) {
        this.#missing.delete(id);
        continue;
      }
      next = Math.min(next, deadline);
      all.set(id, isReturning ? node : { ...node, takesPuts: false });
    }
    if (next < Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#settle(this.#found), next - now).unref();
    }
    if (all.size > 0) this.#onChange(all);
  }
}
