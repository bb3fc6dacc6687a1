/**
 * Durations as people write them: `5s`, `250ms`, `2m`, `1.5h`, `3d`; a bare number is seconds.
 */
import { parse } from "@lukeed/ms";
import { UsageError } from "../exit-code.ts";

const bareNumber = /^\d+(\.\d+)?$/;

/** The duration in milliseconds, never negative. Throws UsageError for anything else. */
export function parseDurationMs(text: string): number {
  if (bareNumber.test(text)) return Math.round(Number(text) * 1000);
  const ms = text.startsWith("-") ? undefined : parse(text);
  if (ms !== undefined) return Math.round(ms);
  if (/^0+[a-z]+$/.test(text)) return 0;
  throw new UsageError(`"${text}" is no duration: write 5s, 250ms, 2m or 1h`);
}

const units: readonly [string, number][] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/** A duration for people, one or two units long: `12s`, `3m 4s`, `850ms`. */
export function renderDurationMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`;
  const largest = units.findIndex(([, unitMs]) => ms >= unitMs);
  const [name, unitMs] = units[largest]!;
  const whole = Math.floor(ms / unitMs);
  const next = units[largest + 1];
  const rest = next === undefined ? 0 : Math.floor((ms % unitMs) / next[1]);
  return rest === 0 ? `${whole}${name}` : `${whole}${name} ${rest}${next![0]}`;
}
