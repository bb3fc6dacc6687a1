/**
 * Which rules hold for which queue: inheritance from `default` to a queue to its fanouts, and aliases. Made once
 * per settings file and never changed; a reload makes a new one. Needs no checking library, so that a server
 * without a settings file starts without one.
 */

import { findParentName } from "./queue-name.ts";
import { defaultQueueSettings, journalFields, type QueueSettings } from "./settings.ts";
import { queueTable } from "./tables.ts";

export interface QueueRulesOptions {
  /** What every queue inherits. */
  default?: Partial<QueueSettings>;
  /** By name; `parent+child` is a fanout and inherits from its parent. */
  queues?: Iterable<readonly [name: string, own: Partial<QueueSettings>]>;
  aliases?: Iterable<readonly [name: string, destinationQueues: readonly string[]]>;
}

export class QueueRules {
  /** Of every queue that the file names, fanouts among them, in its order. */
  readonly queueNames: readonly string[];
  /** Of every fanout that the file names: they exist from the start, so that they miss nothing. */
  readonly fanoutNames: readonly string[];
  readonly aliasNames: readonly string[];
  /** Some queue is for one client alone. */
  readonly isForClients: boolean;
  readonly #inherited: QueueSettings;
  readonly #own: ReadonlyMap<string, Partial<QueueSettings>>;
  readonly #aliases: ReadonlyMap<string, readonly string[]>;
  /**
   * Grows by one entry for each name in the file, their fanouts' common rules, and the targets of
   * `expireToQueue`: never by the names that clients think of.
   */
  readonly #resolved: Map<string, QueueSettings> = new Map();
  readonly #resolvedFanouts: Map<QueueSettings, QueueSettings> = new Map();

  constructor(options: QueueRulesOptions = {}) {
    this.#inherited = { ...defaultQueueSettings, ...options.default };
    this.#own = new Map(
      Array.from(options.queues ?? [], ([name, own]) => [
        name,
        findParentName(name) === undefined ? own : ownOfFanout(own),
      ]),
    );
    this.#aliases = new Map(options.aliases);
    this.queueNames = [...this.#own.keys()];
    this.fanoutNames = this.queueNames.filter((name) => findParentName(name) !== undefined);
    this.aliasNames = [...this.#aliases.keys()];
    this.isForClients = [this.#inherited, ...this.#own.values()].some(
      ({ clientIdForEnqueue, clientIdForDequeue }) => clientIdForEnqueue || clientIdForDequeue,
    );
  }

  /** The rules of any queue, configured or not. The same object each time while they are the same. */
  settingsFor(name: string): QueueSettings {
    const known = this.#resolved.get(name);
    if (known !== undefined) return known;
    const parent = findParentName(name);
    const base = parent === undefined ? this.#inherited : this.#rulesOfFanouts(this.settingsFor(parent));
    const own = this.#own.get(name);
    let rules = own === undefined ? base : { ...base, ...own };
    // Inherited: the queue that takes everybody's expired items is itself the end of the road.
    if (rules.expireToQueue === name) rules = { ...rules, expireToQueue: null };
    if (rules !== base) this.#resolved.set(name, rules);
    return rules;
  }

  /** Where a put into this alias goes: queues, fanouts or further aliases. Undefined when it is no alias. */
  findDestinations(name: string): readonly string[] | undefined {
    return this.#aliases.get(name);
  }

  #rulesOfFanouts(parent: QueueSettings): QueueSettings {
    if (!parent.fanoutOnly) return parent;
    let rules = this.#resolvedFanouts.get(parent);
    if (rules === undefined) this.#resolvedFanouts.set(parent, (rules = { ...parent, fanoutOnly: false }));
    return rules;
  }
}

/** A fanout that the file names is to miss nothing: it is not deleted as old only because its parent may be. */
function ownOfFanout(own: Partial<QueueSettings>): Partial<QueueSettings> {
  const rules: Partial<QueueSettings> = { maxQueueAgeMs: null, ...own, fanoutOnly: false };
  for (const field of journalFields) delete rules[field];
  return rules;
}

/** The effective rules of a queue as `dump_config` tells them: Kestrel's names, and values as in a file. */
export function renderSettings(settings: QueueSettings): [name: string, value: string][] {
  return (Object.keys(queueTable) as (keyof QueueSettings)[]).map((field) => {
    const render = queueTable[field].kind.render as (value: unknown) => string;
    return [queueTable[field].name, render(settings[field])];
  });
}
