/**
 * What single settings can't show: names used twice, aliases that lead back to themselves, queues that expire
 * into themselves. Looks at the file as it stands, well-formed or not, so that these are told together with
 * all other problems.
 */

import { findParentName } from "./queue-name.ts";

interface NamedEntry {
  /** Of the entry in the file: `queues[2]`. */
  path: string;
  name: string;
  entry: Record<string, unknown>;
}

/** One line per problem, each begins with the path of the setting. */
export function findNameProblems(config: unknown): string[] {
  const queues = namedEntries(config, "queues");
  const aliases = namedEntries(config, "aliases");
  const destinations = new Map(aliases.map(({ name, entry }) => [name, texts(entry.destinationQueues)]));
  return [
    ...findDuplicates(queues),
    ...findDuplicates(aliases),
    ...queues.flatMap(({ path, name, entry }) => {
      const problems = findFanoutProblems(path, name);
      if (destinations.has(name)) problems.push(`${path}.name: ${show(name)} is an alias too`);
      const parent = findParentName(name);
      if (parent !== undefined && destinations.has(parent)) {
        problems.push(`${path}.name: the parent of ${show(name)} is an alias, and takes no items itself`);
      }
      if (typeof entry.expireToQueue === "string") {
        const targets = reachable(entry.expireToQueue, destinations);
        if (targets.has(name)) problems.push(`${path}.expireToQueue: ${show(name)} would expire into itself`);
      }
      return problems;
    }),
    ...aliases.flatMap(({ path, name }) => {
      const problems: string[] = [];
      if (name.includes("+")) problems.push(`${path}.name: an alias can't be a fanout (${show(name)})`);
      const own = destinations.get(name) ?? [];
      const at = `${path}.destinationQueues`;
      if (own.length !== new Set(own).size) problems.push(`${at}: a queue is named twice`);
      for (const [i, destination] of own.entries()) {
        problems.push(...findFanoutProblems(`${at}[${i}]`, destination, ""));
        if (reachable(destination, destinations).has(name)) {
          problems.push(`${at}[${i}]: ${show(destination)} leads back to ${show(name)}`);
        }
      }
      return problems;
    }),
  ];
}

function findFanoutProblems(path: string, name: string, field = ".name"): string[] {
  if (!name.includes("+")) return [];
  const parts = name.split("+");
  if (parts.includes("")) return [`${path}${field}: a fanout's name is parent+child, got ${show(name)}`];
  if (parts.length > 2) return [`${path}${field}: a fanout has no fanouts (${show(name)})`];
  return [];
}

function findDuplicates(entries: readonly NamedEntry[]): string[] {
  const first = new Map<string, string>();
  return entries.flatMap(({ path, name }) => {
    const earlier = first.get(name);
    if (earlier !== undefined)
      return [`${path}.name: ${show(name)} is configured twice, first in ${earlier}`];
    first.set(name, path);
    return [];
  });
}

/** A name and, when it is an alias, all that a put into it can reach. */
function reachable(name: string, destinations: ReadonlyMap<string, readonly string[]>): Set<string> {
  const reached = new Set<string>([name]);
  for (const next of reached) for (const one of destinations.get(next) ?? []) reached.add(one);
  return reached;
}

function namedEntries(config: unknown, list: "queues" | "aliases"): NamedEntry[] {
  const entries: unknown = isObject(config) ? config[list] : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown, i) =>
    isObject(entry) && typeof entry.name === "string"
      ? [{ path: `${list}[${i}]`, name: entry.name, entry }]
      : [],
  );
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function show(name: string): string {
  return JSON.stringify(name);
}
