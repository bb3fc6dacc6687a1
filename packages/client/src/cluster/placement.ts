// One item on its way to a node: which one to try next, and, from what the nodes have said so far, what became of it.
// As long as it is certain that the item is nowhere yet, there is a next one.

import { clientErrorOf, KestrelClientError, type KestrelClientErrorCode } from "../errors.ts";
import type { PutAnswer } from "../transport/transport.ts";
import type { TransportError } from "../transport/transport-error.ts";
import type { ClusterNode } from "./node.ts";

/**
 * What became of a put that was answered. Not stored: `full` means that the queue takes no more on any node
 * where this item may go, `too-large` that it never will.
 */
export type PutOutcome =
  | {
      readonly stored: true;
      /** The id of the node that has it. */
      readonly node: string;
      /** Only under "at-least-once": an earlier attempt was not answered, so it may be stored twice. */
      readonly mayBeDoubled?: true;
    }
  | { readonly stored: false; readonly node: string; readonly reason: "full" | "too-large" };

export interface PlacementRules {
  /** All nodes where the item may go, best first. */
  readonly order: readonly ClusterNode[];
  /** Whether an item refused by a full queue may go to the next node. */
  readonly spills: boolean;
  /** Put it again elsewhere when it was sent and not answered. */
  readonly mayDouble: boolean;
  /** It was tried before: nodes that have locked us out are not asked once more, unless all have. */
  readonly isRepeated: boolean;
}

interface Failure {
  readonly node: ClusterNode;
  readonly error: TransportError;
}

export class Placement {
  readonly #rules: PlacementRules;
  readonly #order: readonly ClusterNode[];
  /** Made when needed, like the failures: most items find their place at once. */
  #asked: ClusterNode[] | undefined;
  /** How many of the order were looked at, in rounds. */
  #looked = 0;
  #failures: Failure[] | undefined;
  #unanswered: Failure | undefined;
  #full: PutOutcome | undefined;

  constructor(rules: PlacementRules) {
    this.#rules = rules;
    const { order, isRepeated } = rules;
    this.#order = order;
    if (!isRepeated) return;
    const open = order.filter((node) => node.lastError?.isLockedOut !== true);
    if (open.length === 0 || open.length === order.length) return;
    this.#order = open;
    this.#failures = order.flatMap((node) => {
      const { lastError: error } = node;
      return error?.isLockedOut === true ? [{ node, error }] : [];
    });
  }

  /**
   * The node to try now; undefined when there is none left. Fit nodes first, then the others: one that is down may be
   * back, and trying costs little. Those are the last resort for an item that has no place, not for one that was refused.
   */
  next(): ClusterNode | undefined {
    const order = this.#order;
    const { length } = order;
    // Only a put that must be stored, at the price of storing it twice, comes to the third round.
    const lengthMax = (this.#rules.mayDouble ? 3 : 2) * length;
    while (this.#looked < lengthMax) {
      const round = Math.floor(this.#looked / length);
      const node = order[this.#looked++ % length]!;
      const isFit = node.isFit("puts");
      const isTurn = round === 0 ? isFit : round === 2 || this.#asked?.includes(node) !== true;
      if (!isTurn || (this.#full !== undefined && !isFit)) continue;
      (this.#asked ??= []).push(node);
      return node;
    }
    return undefined;
  }

  /** A node has answered; gives the outcome if that is the last word. */
  answered(node: ClusterNode, answer: PutAnswer): PutOutcome | undefined {
    if (answer === "stored") {
      return this.#unanswered === undefined
        ? { stored: true, node: node.id }
        : { stored: true, node: node.id, mayBeDoubled: true };
    }
    if (this.#unanswered !== undefined) return undefined;
    const refused: PutOutcome = { stored: false, node: node.id, reason: answer };
    if (answer === "too-large" || !this.#rules.spills) return refused;
    this.#full ??= refused;
    return undefined;
  }

  /** A node could not be asked, or has not answered; gives the error if that is the last word. */
  failed(node: ClusterNode, error: TransportError): KestrelClientError | undefined {
    if (isFinal(error)) return clientErrorOf(error, node.id);
    if (error.mayHaveHappened) {
      if (!this.#rules.mayDouble) return clientErrorOf(error, node.id);
      this.#unanswered ??= { node, error };
    } else {
      (this.#failures ??= []).push({ node, error });
    }
    return undefined;
  }

  /** What became of the item, now that no node is left. */
  conclude(): PutOutcome | KestrelClientError {
    if (this.#unanswered !== undefined) {
      return clientErrorOf(this.#unanswered.error, this.#unanswered.node.id);
    }
    return this.#full ?? nowhere(this.#failures ?? []);
  }
}

/** Errors that another node would not change. */
function isFinal(error: TransportError): boolean {
  return ["given-up", "aborted", "closed", "invalid"].includes(error.kind);
}

function nowhere(failures: readonly Failure[]): KestrelClientError {
  if (failures.length === 0) return new KestrelClientError("no-node", "the cluster has no nodes");
  const kinds = new Set(failures.map(({ error }) => error.kind));
  let code: KestrelClientErrorCode = "no-node";
  if (failures.some(({ error }) => error.isLockedOut)) code = "unauthorized";
  else if (kinds.has("busy")) code = "busy";
  else if (kinds.has("unavailable") || kinds.has("failed")) code = "unavailable";
  const reasons = new Map(failures.map(({ node, error }) => [node.id, error.message]));
  const text = [...reasons].map(([id, reason]) => `${id}: ${reason}`).join("; ");
  // One that time may mend, if there is one: as long as some node has not locked us out, trying again makes sense.
  const { error } = failures.findLast((failure) => !failure.error.isLockedOut) ?? failures.at(-1)!;
  return new KestrelClientError(code, `not stored on any node: ${text}`, { cause: error });
}
