/**
 * Journals of ours checked: a row for each queue and fanout with what a start would keep, and a line for each fault.
 */
import path from "node:path";
import type { LogReport } from "@kestrel-mq/server";
import { renderBytes } from "../arguments/size.ts";
import { type ExitCode, exitCodes } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";
import { type Column, colorsFor, formOf, renderJson, renderRows } from "../terminal/output.ts";
import { Progress } from "../terminal/progress.ts";
import { writeOut } from "../terminal/writing.ts";
import { tellFaults } from "./journal-faults.ts";
import type { OurPlace } from "./log-dump.ts";
import { checkInUse } from "./spool-in-use.ts";

interface Row {
  queue: string;
  items: number | null;
  bytes: number | null;
  lost: number | null;
  faults: number;
}

const columns: Column<Row>[] = [
  { title: "queue", value: (row) => row.queue },
  { title: "items", align: "right", value: (row) => row.items },
  { title: "bytes", align: "right", value: (row) => row.bytes },
  { title: "lost", align: "right", value: (row) => row.lost },
  { title: "faults", align: "right", value: (row) => row.faults },
];

/** Checks these places. Failed when something would be lost or doesn't check, nothing when there are no queues. */
export async function verifyLogs(
  places: readonly OurPlace[],
  options: { readonly json: boolean | undefined; readonly isLive: boolean | undefined },
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { stdout, env } = surroundings;
  for (const spool of new Set(places.map((place) => place.spool)))
    await checkInUse(spool, options.isLive, "journal verify", surroundings);
  const progress = new Progress(surroundings, "checked", null, { noun: "of journals", show: renderBytes });
  const reports: LogReport[] = [];
  try {
    for await (const report of reportsOf(places, progress, surroundings.interrupted)) reports.push(report);
  } finally {
    progress.stop();
  }
  for (const { faults, faultLength } of reports) tellFaults("verify", faults, faultLength, surroundings);
  const rows = reports.flatMap(rowsOf);
  const form = formOf(stdout, options.json);
  if (form === "json") await writeOut(stdout, renderJson(reports));
  else if (rows.length > 0) await writeOut(stdout, renderRows(form, columns, rows, colorsFor(stdout, env)));
  if (reports.some(({ isSound }) => !isSound)) return exitCodes.failed;
  return rows.length > 0 ? exitCodes.done : exitCodes.nothing;
}

async function* reportsOf(
  places: readonly OurPlace[],
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<LogReport> {
  const { verifyLog, verifySpool } = await import("@kestrel-mq/server");
  const options = { signal, onProgress: (bytes: number) => progress.advance(bytes) };
  for (const place of places) {
    if (place.kind === "spool") yield* verifySpool(place.path, options);
    else yield await verifyLog(place.kind === "log" ? place.path : path.dirname(place.path), options);
  }
}

/** A log that cannot be read has a row all the same; what is of no queue has none. */
function rowsOf({ folder, readers, faults, faultLength }: LogReport): Row[] {
  const isUnreadable = faults.some(({ kind }) => kind === "unreadable");
  if (isUnreadable)
    return [{ queue: path.basename(folder), items: null, bytes: null, lost: null, faults: faultLength }];
  return readers.map(({ name, items, bytes, lostItems }) => ({
    queue: name,
    items,
    bytes,
    lost: lostItems,
    faults: faultLength,
  }));
}
