/** The paths that a command about journals was given: all of ours, or all of Kestrel 2.x. */
import { UsageError } from "../exit-code.ts";
import type { OurPlace } from "./log-dump.ts";

/** Either `ours` or `files` is empty. Throws UsageError for a mixture, and the system's error when one isn't there. */
export async function findPlaces(
  paths: readonly string[],
): Promise<{ ours: OurPlace[]; files: readonly string[] }> {
  const { findJournalPlace } = await import("@kestrel-mq/server");
  const ours: OurPlace[] = [];
  for (const place of paths.map(findJournalPlace)) if (place.kind !== "kestrel2") ours.push(place);
  if (ours.length === 0) return { ours, files: paths };
  if (ours.length < paths.length) throw new UsageError("name journals of ours or of Kestrel 2.x, not both");
  return { ours, files: [] };
}
