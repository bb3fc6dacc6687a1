/**
 * Which files of a Kestrel 2.x spool folder make up the journal of which queue, in the order of their replay.
 * Only looks: nothing is renamed or deleted, though Kestrel itself would do so here.
 *
 *     orders                   the current file, last
 *     orders.1298000000000     an older one; they come first, in the order of their numbers
 *     orders.1298000000000.pack  stands for every older file with its number or a lower one
 *     orders~~1298000000000    temporary, means nothing
 */

import { readdir } from "node:fs/promises";
import { join } from "node:path";

export interface JournalSet {
  readonly queueName: string;
  /** In the order of their replay; read one after the other they are one journal. */
  readonly paths: readonly string[];
}

export interface SpoolFolder {
  /** By name of the queue, in alphabetical order. */
  readonly journals: readonly JournalSet[];
  /** Files that are no part of any journal, and why. */
  readonly ignored: readonly { path: string; reason: string }[];
}

/** What the name of a journal's file says. */
export interface JournalName {
  readonly queueName: string;
  /** Null: the current file. */
  readonly number: bigint | null;
  readonly isPack: boolean;
}

interface OlderFile {
  path: string;
  number: bigint;
  isPack: boolean;
}

/** Undefined: a journal's file is not called so. */
export function parseJournalName(name: string): JournalName | undefined {
  const match = /^([^.]+)(?:\.(\d+)(\.pack)?)?$/.exec(name);
  if (match === null || name.includes("~~")) return undefined;
  const [, queueName = "", number, pack] = match;
  return { queueName, number: number === undefined ? null : BigInt(number), isPack: pack !== undefined };
}

/** Finds every journal of a folder. Throws what the file system throws. */
export async function findJournals(folder: string): Promise<SpoolFolder> {
  const current = new Map<string, string>();
  const older = new Map<string, OlderFile[]>();
  const ignored: { path: string; reason: string }[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const name = parseJournalName(entry.name);
    if (!entry.isFile()) ignored.push({ path, reason: "no file" });
    else if (entry.name.includes("~~")) ignored.push({ path, reason: "temporary" });
    else if (name === undefined) ignored.push({ path, reason: "not named as a journal is" });
    else {
      const { queueName, number, isPack } = name;
      if (number === null) current.set(queueName, path);
      else {
        const files = older.get(queueName) ?? [];
        files.push({ path, number, isPack });
        older.set(queueName, files);
      }
    }
  }
  const queueNames = [...new Set([...current.keys(), ...older.keys()])].sort();
  const journals = queueNames.map((queueName) => {
    const { kept, replaced } = withoutPacked(older.get(queueName) ?? []);
    for (const { path } of replaced) ignored.push({ path, reason: "replaced by a packed file" });
    const last = current.get(queueName);
    return { queueName, paths: [...kept.map(({ path }) => path), ...(last === undefined ? [] : [last])] };
  });
  return { journals, ignored };
}

/** A packed file stands for itself and for all that is not newer. */
function withoutPacked(files: readonly OlderFile[]): { kept: OlderFile[]; replaced: OlderFile[] } {
  const sorted = files.toSorted((a, b) => {
    if (a.number !== b.number) return a.number < b.number ? -1 : 1;
    return Number(a.isPack) - Number(b.isPack);
  });
  const start = Math.max(
    sorted.findLastIndex((file) => file.isPack),
    0,
  );
  return { kept: sorted.slice(start), replaced: sorted.slice(0, start) };
}
