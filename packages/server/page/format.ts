/** Numbers for people: short, and always as long as the ones above and below it, as far as that goes. */

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", {
  notation: "compact",
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** `1,234`, `12.35M`. */
export function formatCount(count: number): string {
  return count < 1_000_000 ? grouped.format(count) : compact.format(count);
}

/** In as little room as possible: `9,999`, `12.3K`, `1.24M`. */
export function formatShortCount(count: number): string {
  return count < 10_000 ? grouped.format(count) : brief.format(count);
}

/** `1,234,567`. */
export function formatExactCount(count: number): string {
  return grouped.format(count);
}

/** Events a second: `0`, `0.4`, `12`, `1,234`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return "0";
  return perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond));
}

const sizeUnits = ["B", "KB", "MB", "GB", "TB"];

/** `0 B`, `1.5 KB`, `128 MB`; 1 KB is 1024 bytes. */
export function formatSize(bytes: number): string {
  let unit = 0;
  let size = bytes;
  while (size >= 999.5 && unit < sizeUnits.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 || size >= 99.95 ? Math.round(size) : size.toFixed(1)} ${sizeUnits[unit]}`;
}

/** The two largest units: `0 s`, `59 s`, `3 m 05 s`, `2 h 00 m`, `4 d 03 h`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${padded(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${padded(minutes % 60)} m`;
  return `${Math.floor(hours / 24)} d ${padded(hours % 24)} h`;
}

/** The largest unit alone: `59 s`, `3 m`, `2 h`, `4 d`. */
export function formatShortDuration(ms: number): string {
  return formatDuration(ms).split(" ").slice(0, 2).join(" ");
}

/** Of a measured time, in microseconds: `85 µs`, `1.2 ms`, `340 ms`, `2.1 s`. */
export function formatMicros(micros: number): string {
  if (micros === 0) return "0";
  if (micros < 999.5) return `${Math.round(micros)} µs`;
  const ms = micros / 1000;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms);
}

/** `14:03:22`, in the time zone of whoever looks. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(padded).join(":");
}

/** `2026-01-31 14:03:22`. */
export function formatMoment(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(padded).join("-");
  return `${day} ${formatTime(ms)}`;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Durations in ms that are round for people. */
export const roundDurations: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 20, 30].map((count) => count * second),
  ...[1, 2, 5, 10, 20, 30].map((count) => count * minute),
  ...[1, 2, 6, 12, 24, 48, 120, 240, 720, 2400].map((count) => count * hour),
];

function padded(number: number): string {
  return String(number).padStart(2, "0");
}
