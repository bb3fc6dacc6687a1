/** What a path that somebody has typed leads to: journals of ours, or of Kestrel 2.x. */
import fs from "node:fs";
import path from "node:path";
import { findSegmentName } from "../journal/segment.ts";
import { isJournalName } from "../settings/queue-name.ts";
import { NodeFiles } from "./file-source.ts";

/**
 * - `spool`: a folder with logs of queues. `log`: one of them. `segment`: a file of one.
 * - `kestrel2`: anything else that is there; if it is a journal, then one of Kestrel 2.x, or a folder of these.
 */
export type JournalPlace =
  | { readonly kind: "spool" | "log" | "segment"; readonly path: string; readonly spool: string }
  | { readonly kind: "kestrel2"; readonly path: string };

/** Throws the system's error when there is nothing. */
export function findJournalPlace(name: string): JournalPlace {
  const full = path.resolve(name);
  if (!fs.statSync(full).isDirectory()) {
    if (findSegmentName(path.basename(full)) === undefined) return { kind: "kestrel2", path: name };
    return { kind: "segment", path: name, spool: path.dirname(path.dirname(full)) };
  }
  if (hasSegments(full)) return { kind: "log", path: name, spool: path.dirname(full) };
  return isSpool(full) ? { kind: "spool", path: name, spool: full } : { kind: "kestrel2", path: name };
}

/** Folders of the logs in a spool folder, by name. */
export function listLogs(spool: string): string[] {
  const files = new NodeFiles();
  return files
    .list(spool)
    .filter((name) => isJournalName(name) && files.isFolder(path.join(spool, name)))
    .map((name) => path.join(spool, name));
}

/** Empty, or with what a server keeps in it, or with folders: Kestrel 2.x has none. */
function isSpool(folder: string): boolean {
  const entries = fs.readdirSync(folder, { withFileTypes: true });
  const isOurs = (entry: fs.Dirent): boolean =>
    entry.name.startsWith(".kestrel") || (entry.isDirectory() && entry.name !== "lost+found");
  return entries.length === 0 || entries.some(isOurs);
}

function hasSegments(folder: string): boolean {
  return fs.readdirSync(folder).some((name) => findSegmentName(name) !== undefined);
}
