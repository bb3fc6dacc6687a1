/**
 * Who somebody is, and what they may. All sessions of a user share one, so that each queue is judged once and not
 * once for each session. When users or rules change it is stale, and nothing that it says counts any more.
 */
import type { QueueRules } from "../settings/queue-rules.ts";
import type { UserSettings } from "./lock-settings.ts";
import { QueuePatterns } from "./queue-patterns.ts";

export type QueueRight = "put" | "get";

/** Judgements that are kept, for each right; clients may think of any number of names. */
const keptLengthMax = 4096;

export interface IdentityOptions {
  /** Null: nobody, who has not said yet who it is. */
  readonly user: UserSettings | null;
  readonly rules: QueueRules;
  /** There are users: nobody may nothing. */
  readonly isLocked: boolean;
}

export class Identity {
  readonly #options: IdentityOptions;
  readonly #kept: Readonly<Record<QueueRight, Map<string, boolean>>> = { put: new Map(), get: new Map() };
  readonly #patterns: Readonly<Record<QueueRight, QueuePatterns>>;
  isStale = false;

  constructor(options: IdentityOptions) {
    this.#options = options;
    const { user } = options;
    this.#patterns = { put: new QueuePatterns(user?.put ?? []), get: new QueuePatterns(user?.get ?? []) };
  }

  get user(): UserSettings | null {
    return this.#options.user;
  }

  /** May do nothing but say who it is. */
  get isBarred(): boolean {
    return this.#options.isLocked && this.user === null;
  }

  /** May flush and delete, change the status, reload and stop the server. */
  get mayManage(): boolean {
    return !this.#options.isLocked || this.user?.admin === true;
  }

  /** Of an alias: whether all that it leads to may be put to, or read. */
  may(right: QueueRight, queue: string): boolean {
    const kept = this.#kept[right];
    let judgement = kept.get(queue);
    if (judgement === undefined) {
      if (kept.size >= keptLengthMax) kept.clear();
      judgement = this.#judge(right, queue);
      kept.set(queue, judgement);
    }
    return judgement;
  }

  #judge(right: QueueRight, queue: string): boolean {
    const { user, rules, isLocked } = this.#options;
    const destinations = rules.findDestinations(queue);
    if (destinations !== undefined) return destinations.every((one) => this.#judge(right, one));
    if (isLocked && !this.#patterns[right].match(queue)) return false;
    const { clientIdForEnqueue, clientIdForDequeue } = rules.settingsFor(queue);
    const only = right === "put" ? clientIdForEnqueue : clientIdForDequeue;
    return only === null || only === user?.name;
  }
}
