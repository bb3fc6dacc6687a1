/**
 * Sizes and durations as people write them in a settings file: "128MB", "30s". Powers of 1024 for sizes, as in
 * Kestrel. One number and one unit, in either case; parsing gives undefined for anything else.
 */

const sizeUnits: readonly (readonly [unit: string, bytes: number])[] = [
  ["TB", 1024 ** 4],
  ["GB", 1024 ** 3],
  ["MB", 1024 ** 2],
  ["KB", 1024],
  ["B", 1],
];

const durationUnits: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];

/** Bytes in a text like "64KB", "1.5GB", "512b"; undefined when it is none, or not a whole number of bytes. */
export function parseSize(text: string): number | undefined {
  return parseQuantity(text, sizeUnits);
}

/** The shortest exact way to write a size: "128MB", "1000B". `parseSize` reads it back. */
export function renderSize(sizeBytes: number): string {
  return renderQuantity(sizeBytes, sizeUnits);
}

/** Milliseconds in a text like "100ms", "30s", "5m", "1h", "7d"; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  return parseQuantity(text, durationUnits);
}

/** The shortest exact way to write a duration: "30s", "1500ms". `parseDuration` reads it back. */
export function renderDuration(durationMs: number): string {
  return renderQuantity(durationMs, durationUnits);
}

function parseQuantity(text: string, units: typeof sizeUnits): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text);
  const factor = units.find(([unit]) => unit.toLowerCase() === match?.[2]?.toLowerCase())?.[1];
  if (match === null || factor === undefined) return undefined;
  const exact = Number(match[1]) * factor;
  const whole = Math.round(exact);
  // "1.005s" is 1004.9999999999999 to a computer, and still means 1005 ms.
  return Math.abs(exact - whole) < 1e-6 && Number.isSafeInteger(whole) ? whole : undefined;
}

function renderQuantity(value: number, units: typeof sizeUnits): string {
  const [unit, factor] = units.find(([, factor]) => value !== 0 && value % factor === 0) ?? units.at(-1)!;
  return `${value / factor}${unit}`;
}
