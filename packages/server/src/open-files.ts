/**
 * How this process's file descriptors are shared out: one part is for journals, the rest for sockets, so that whoever
 * only connects can't keep a node from its journals.
 */
import fs from "node:fs";

/** The share of the journals: a queue more than that many has its file opened for each write. */
const journalShare = 0.35;
/** The node's own: standard streams, listening sockets, its event loop, and files that are open for a moment. */
const ownLength = 40;

/** The soft limit on open files (`ulimit -n`), which Node cannot tell. */
function findOpenFilesMax(): number {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(fs.readFileSync("/proc/self/limits", "latin1"));
    return line === null ? 1024 : Number(line[1]);
  } catch {
    return 256;
  }
}

/** So many files of journals may be open at a time, where a process may open `filesMax`. */
export function journalFilesMax(filesMax: number = findOpenFilesMax()): number {
  return Math.max(64, Math.floor(filesMax * journalShare));
}

/** So many connections may be, then. */
export function connectionsThatFit(filesMax: number = findOpenFilesMax()): number {
  return Math.max(1, filesMax - journalFilesMax(filesMax) - ownLength);
}
