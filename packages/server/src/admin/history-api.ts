/** A history as JSON: one list of values per series, a point every so many ms, null where nothing is known. */
import { type History, pointMs, type SeriesName, seriesNames } from "../metrics/history.ts";
import { HttpError } from "./answer.ts";

/**
 * `from` in the query: the first slot that is wanted; a client asks with the `end` of the last answer. Slot n
 * begins n times `pointMs` after the epoch.
 */
export function renderHistory(history: History | null, query: URLSearchParams): object {
  const from = readWhole(query, "from", 0, Number.MAX_SAFE_INTEGER) ?? 0;
  if (history === null || history.end < 0) return { pointMs, from: 0, end: 0, series: seriesOf(() => []) };
  const first = Math.min(history.firstFrom(from), history.end);
  return { pointMs, from: first, end: history.end, series: seriesOf((name) => history.series(name, first)) };
}

function seriesOf(values: (name: SeriesName) => (number | null)[]): object {
  return Object.fromEntries(seriesNames.map((name) => [name, values(name)]));
}

/** A whole number from the query; undefined when it isn't there. Throws HttpError 400 when it is something else. */
export function readWhole(query: URLSearchParams, key: string, min: number, max: number): number | undefined {
  const value = query.get(key);
  if (value === null) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < min || number > max) {
    throw new HttpError(400, `${key} is a whole number from ${min} to ${max}`);
  }
  return number;
}
