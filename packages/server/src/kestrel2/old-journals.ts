/**
 * Journals of Kestrel 2.x in the folder where a node keeps its own. It leaves them alone, and no item in them is ever
 * handed out, so its operator has to be told.
 */
import path from "node:path";
import type { Disk } from "../disk.ts";
import type { Logger } from "../logging.ts";
import { parseJournalName } from "./journal-set.ts";
import { decodeRecord, headerSizeMax } from "./record.ts";

/** So many queues are named in a warning. */
const namesMax = 10;

/** Names of the queues whose old journals lie in a folder; none where there is no such folder. */
export function findOldJournals(folder: string, disk: Pick<Disk, "isFolder" | "list" | "open">): string[] {
  if (!disk.isFolder(folder)) return [];
  const names = new Set<string>();
  for (const name of disk.list(folder)) {
    const parsed = parseJournalName(name);
    if (parsed === undefined || names.has(parsed.queueName)) continue;
    const file = path.join(folder, name);
    if (!disk.isFolder(file) && startsAsJournal(file, disk)) names.add(parsed.queueName);
  }
  return [...names];
}

/** With a record: a stray text doesn't. */
function startsAsJournal(name: string, disk: Pick<Disk, "open">): boolean {
  const file = disk.open(name);
  try {
    const head = Buffer.alloc(headerSizeMax);
    if (file.readNow(head, 0, headerSizeMax, 0) === 0) return false;
    const first = decodeRecord(head, 0, 0, file.size());
    return !("broken" in first) || first.broken === "cut";
  } finally {
    file.close();
  }
}

function adviseImport(folder: string, names: readonly string[]): string {
  const further = names.length > namesMax ? `, and ${names.length - namesMax} more` : "";
  const queues = names.slice(0, namesMax).join(", ") + further;
  return (
    `${folder} holds journals of Kestrel 2.x (${queues}): they are not read, and nothing can be put into queues of ` +
    `these names here; "kq journal import ${folder} <new folder>" brings them over, for a node on the new folder`
  );
}

/** Says what lies there and what to do about it. */
export function warnOfOldJournals(
  folder: string,
  disk: Pick<Disk, "isFolder" | "list" | "open">,
  logger: Pick<Logger, "warn">,
): void {
  try {
    const queues = findOldJournals(folder, disk);
    if (queues.length > 0) logger.warn({ folder, queues: queues.length }, adviseImport(folder, queues));
  } catch (error) {
    logger.warn({ err: error, folder }, `cannot look for journals of Kestrel 2.x in ${folder}`);
  }
}
