/** Checks all logs of a spool folder, one after the other. */
import path from "node:path";
import { isJournalName } from "../settings/queue-name.ts";
import { NodeFiles } from "./file-source.ts";
import type { LogReport } from "./log-report.ts";
import { type VerifyOptions, verifyLog } from "./verify-log.ts";

/**
 * Checks every log in a spool folder, by name, and changes nothing. A server that uses the folder meanwhile is no
 * obstacle, but what it is writing may look torn. Folders that are no queue's are passed over, as a start does. Knows
 * no settings: a start removes the journal of a queue whose `keepJournal` has become false.
 */
export async function* verifySpool(spool: string, options: VerifyOptions = {}): AsyncGenerator<LogReport> {
  const { source = new NodeFiles() } = options;
  for (const name of source.list(spool)) {
    const folder = path.join(spool, name);
    if (!source.isFolder(folder)) continue;
    if (name.includes("~")) yield leftover(folder);
    else if (isJournalName(name)) yield await verifyLog(folder, options);
  }
}

/** A queue that was being deleted, or an import that did not come to its end. */
function leftover(folder: string): LogReport {
  const reason = "is of no queue; a start removes it";
  const faults = [{ path: folder, offset: 0, size: 0, kind: "leftover", reason }] as const;
  const nothing = { readers: [], unsoundBytes: 0, segmentLength: 0, size: 0 };
  return { folder, faults, faultLength: 1, isSound: true, ...nothing };
}
