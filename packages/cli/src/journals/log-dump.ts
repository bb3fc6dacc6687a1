/**
 * Journals of ours told record by record: lines for people, or a JSON object a line.
 */
import { isUtf8 } from "node:buffer";
import path from "node:path";
import type { JournalPlace, LogEntry } from "@kestrel-mq/server";
import { type ExitCode, exitCodes, Interrupted } from "../exit-code.ts";
import type { Surroundings } from "../surroundings.ts";
import { writeOut } from "../terminal/writing.ts";
import { checkInUse } from "./spool-in-use.ts";

export interface LogDumpOptions {
  readonly withData: boolean;
  readonly json: boolean;
  readonly isLive: boolean;
}

export type OurPlace = Exclude<JournalPlace, { readonly kind: "kestrel2" }>;

/** So much text is written at a time. */
const lotLength = 64 * 1024;

/** Tells what is in these places. Failed when something doesn't check, nothing when there is nothing. */
export async function dumpLogs(
  places: readonly OurPlace[],
  options: LogDumpOptions,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { renderLogEntry } = await import("@kestrel-mq/server");
  for (const spool of new Set(places.map((place) => place.spool)))
    await checkInUse(spool, options.isLive, "journal dump", surroundings);
  let lot = "";
  let isThere = false;
  let isDamaged = false;
  for (const place of places) {
    for await (const entry of entriesOf(place, options.withData)) {
      if (surroundings.interrupted.aborted) throw new Interrupted();
      isThere = true;
      isDamaged ||= entry.kind === "damaged" || entry.kind === "torn";
      lot += options.json ? renderJsonEntry(entry) : `${renderLogEntry(entry, baseOf(place))}\n`;
      if (lot.length < lotLength) continue;
      await writeOut(surroundings.stdout, lot);
      lot = "";
    }
  }
  if (lot !== "") await writeOut(surroundings.stdout, lot);
  if (isDamaged) return exitCodes.failed;
  return isThere ? exitCodes.done : exitCodes.nothing;
}

async function* entriesOf(place: OurPlace, withData: boolean): AsyncGenerator<LogEntry> {
  const { describeLog, describeSegment, listLogs } = await import("@kestrel-mq/server");
  if (place.kind === "segment") yield* describeSegment(place.path, { withData });
  else if (place.kind === "log") yield* describeLog(place.path, { withData });
  else for (const folder of listLogs(place.path)) yield* describeLog(folder, { withData });
}

/** Files are told from here on, so that the queue's name is in front. */
function baseOf(place: OurPlace): string {
  if (place.kind === "spool") return place.path;
  return place.kind === "log" ? path.dirname(place.path) : path.dirname(path.dirname(place.path));
}

function renderJsonEntry(entry: LogEntry): string {
  if (entry.kind !== "record" || entry.record.type !== "put") return `${JSON.stringify(entry)}\n`;
  const { data, ...put } = entry.record;
  // Bytes that are no text would not survive a JSON string.
  let told: object = {};
  if (data !== null)
    told = isUtf8(data) ? { data: data.toString("utf8") } : { base64: data.toString("base64") };
  return `${JSON.stringify({ ...entry, record: { ...put, ...told } })}\n`;
}
