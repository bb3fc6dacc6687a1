/**
 * What a setting may be: how a value from a file is read, what to say when it is something else, and how the
 * effective value is shown. Knows nothing of which settings there are (`tables.ts`) nor of files.
 */

import { parseDuration, parseSize, renderDuration, renderSize } from "./quantities.ts";
import { queueNameProblem } from "./queue-name.ts";

export interface Kind<T> {
  /** Ends the sentence "expected …". */
  readonly expected: string;
  /** Gives undefined for what it doesn't accept. */
  parse(raw: unknown): T | undefined;
  /** It may be a password: what was found in its place is not told. */
  readonly isSecret?: true;
  /** As `dump_config` shows it. */
  render(value: T): string;
}

/** A whole number from `min` up, of things named by `what`: "items". */
export function count(what: string, min = 0): Kind<number> {
  return {
    expected: `a whole number of ${what}${min > 0 ? `, at least ${min}` : ""}`,
    parse: (raw) => (isWhole(raw) && raw >= min ? raw : undefined),
    render: String,
  };
}

/** Bytes: a number, or a text with a unit. */
export const size: Kind<number> = {
  expected: 'a size such as 65536, "64KB" or "128MB"',
  parse: (raw) => atLeast(1, typeof raw === "string" ? parseSize(raw) : raw),
  render: renderSize,
};

/** Milliseconds: a number, or a text with a unit. */
export const duration: Kind<number> = {
  expected: 'a duration such as "100ms", "30s", "5m", "1h", "7d" or a number of milliseconds',
  parse: (raw) => atLeast(0, typeof raw === "string" ? parseDuration(raw) : raw),
  render: renderDuration,
};

/** A duration that makes no sense as zero: a period, a time-out. */
export const period: Kind<number> = {
  ...duration,
  expected: `${duration.expected}, more than 0`,
  parse: (raw) => atLeast(1, duration.parse(raw)),
};

/** How often a journal is synced: "never", or a duration, 0 for before each answer. */
export const syncPeriod: Kind<"never" | number> = {
  expected: '"never", 0 (before each answer) or a duration such as "100ms"',
  parse: (raw) => (raw === "never" ? raw : duration.parse(raw)),
  render: (value) => (value === "never" ? value : renderDuration(value)),
};

export const flag: Kind<boolean> = {
  expected: "true or false",
  parse: (raw) => (typeof raw === "boolean" ? raw : undefined),
  render: String,
};

/** A text that is not empty: `what` says of what ("the path of a folder"). */
export function text(what: string): Kind<string> {
  return {
    expected: what,
    parse: (raw) => (typeof raw === "string" && raw !== "" ? raw : undefined),
    render: (value) => value,
  };
}

/** A name that a queue can have. */
export const queueName: Kind<string> = {
  expected: "the name of a queue (1 to 250 bytes without / ~ . white space or control characters)",
  parse: (raw) => (typeof raw === "string" && queueNameProblem(raw) === undefined ? raw : undefined),
  render: (value) => value,
};

/** One of a few words; case, "-", "_" and " " don't matter when it is read. */
export function word<W extends string>(words: readonly W[]): Kind<W> {
  const plain = (text: string): string => text.toLowerCase().replace(/[-_ ]/g, "");
  return {
    expected: `one of ${words.map((word) => `"${word}"`).join(", ")}`,
    parse: (raw) => (typeof raw === "string" ? words.find((word) => plain(word) === plain(raw)) : undefined),
    render: (value) => value,
  };
}

/** A port to listen on: 0 for any free one, "off" or null for not at all. */
export const port: Kind<number | null> = {
  expected: 'a port from 1 to 65535, 0 for any free one, or "off"',
  parse: (raw) => {
    if (raw === null || raw === "off") return null;
    return isWhole(raw) && raw >= 0 && raw <= 65_535 ? raw : undefined;
  },
  render: (value) => (value === null ? "off" : String(value)),
};

/** The same, or null for none. */
export function orNone<T>(kind: Kind<T>): Kind<T | null> {
  return {
    expected: kind.expected,
    parse: (raw) => (raw === null ? null : kind.parse(raw)),
    render: (value) => (value === null ? "none" : kind.render(value)),
  };
}

/** What was found instead, short enough for one line of a message. */
export function show(raw: unknown): string {
  if (raw === undefined) return "nothing";
  if (typeof raw === "function") return "a function";
  if (Array.isArray(raw)) return "a list";
  if (typeof raw === "object" && raw !== null) return "an object";
  const shown = typeof raw === "string" ? JSON.stringify(raw) : String(raw);
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}

function isWhole(raw: unknown): raw is number {
  return Number.isSafeInteger(raw);
}

function atLeast(min: number, raw: unknown): number | undefined {
  return isWhole(raw) && raw >= min ? raw : undefined;
}
