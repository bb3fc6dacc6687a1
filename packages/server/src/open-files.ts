/**
 * How this process's file descriptors are shared out: one part is for journals, one for the admin port where it is on,
 * the rest for the other ports, so that whoever only connects can't keep a node from its journals.
 */
import fs from "node:fs";

/** The share of the journals: a queue more than that many has its file opened for each write. */
const journalShare = 0.35;
/** What journals have a share of where there is no limit, or none that is known. */
const filesIfUnknown = 8192;
/** The admin port's, which is for a few people and their tools. */
const adminShare = 1 / 16;
const adminConnectionsMost = 256;
/** The node's own: standard streams, listening sockets, its event loop, and files that are open for a moment. */
const ownLength = 40;

/** Of Node's report on a process, what is looked for and may be missing. */
interface ToldLimits {
  readonly userLimits?: { readonly open_files?: { readonly soft?: number | string } };
}

/** The soft limit on open files (`ulimit -n`); infinite where there is none, or it isn't known. */
function findOpenFilesMax(): number {
  try {
    const line = /^Max open files\s+(\S+)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"));
    return limitOf(line?.[1]);
  } catch {
    return reportedOpenFilesMax();
  }
}

/** The same, without /proc; asked second because the report tells everything else, too. */
export function reportedOpenFilesMax(): number {
  // Not in Node's types; without it, the report looks for the names of all who are connected.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const excludesNetwork = report.excludeNetwork;
  if (excludesNetwork !== undefined) report.excludeNetwork = true;
  const { userLimits } = report.getReport() as ToldLimits;
  if (excludesNetwork !== undefined) report.excludeNetwork = excludesNetwork;
  return limitOf(userLimits?.open_files?.soft);
}

function limitOf(told: number | string | undefined): number {
  const limit = Number(told);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

/** So many files of journals may be open at a time, where a process may open `filesMax`. */
export function journalFilesMax(filesMax: number = findOpenFilesMax()): number {
  const known = Number.isFinite(filesMax) ? filesMax : filesIfUnknown;
  return Math.max(64, Math.floor(known * journalShare));
}

/** So many connections the admin port may have, then. */
export function adminConnectionsMax(filesMax: number = findOpenFilesMax()): number {
  return Math.min(adminConnectionsMost, Math.max(8, Math.floor(filesMax * adminShare)));
}

/** So many connections all other ports may have, then; without an end where no limit is known. */
export function connectionsThatFit(hasAdmin: boolean, filesMax: number = findOpenFilesMax()): number {
  const adminLength = hasAdmin ? adminConnectionsMax(filesMax) : 0;
  return Math.max(1, filesMax - journalFilesMax(filesMax) - adminLength - ownLength);
}
