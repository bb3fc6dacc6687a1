/**
 * Whether a process has grown over the rounds of a soak: the last third of its footprints beside the middle one, each by
 * its median. The first third warms up. Memory is judged without garbage, so that little is told from noise.
 */

import type { Footprint } from "./watched-node.ts";

/** Fewer rounds say nothing of growth. */
export const roundsToJudge = 9;
/** Fewer are over before all is compiled and every pool is full: three times as much may come then. */
const roundsToBeStrict = 100;

const megabyte = 1024 * 1024;

/** What is measured of it. */
export type Measures = Readonly<Partial<Record<keyof Footprint, number>>>;

interface Limit {
  readonly what: keyof Footprint;
  readonly name: string;
  readonly unit: "MB" | "";
  /** How much more than in the middle there may be in the end. */
  readonly growthMax: (middle: number) => number;
}

const limits: readonly Limit[] = [
  { what: "heapBytes", name: "heap", unit: "MB", growthMax: () => megabyte },
  { what: "outsideBytes", name: "buffers", unit: "MB", growthMax: () => 2 * megabyte },
  // Also what the system has not been given back: fragments, pools, compiled code.
  {
    what: "residentBytes",
    name: "resident",
    unit: "MB",
    growthMax: (middle) => 0.1 * middle + 16 * megabyte,
  },
  { what: "openFiles", name: "files and sockets", unit: "", growthMax: () => 1 },
  { what: "spoolFiles", name: "files on disk", unit: "", growthMax: () => 2 },
  // Segments are as full as it happens; one of each of seven queues may be.
  { what: "spoolBytes", name: "disk", unit: "MB", growthMax: () => 16 * megabyte },
];

/** One line for the middle and one for the end. */
export function describeFootprints(footprints: readonly Measures[]): string[] {
  const { middle, end } = parts(footprints);
  return Object.entries({ middle, end }).map(([when, part]) => {
    const figures = limitsOf(footprints).map(
      ({ what, name, unit }) => `${name} ${told(medianOf(part, what), unit)}`,
    );
    return `${when}: ${figures.join(", ")}`;
  });
}

/** What has grown, in words; empty when nothing has. */
export function findGrowth(footprints: readonly Measures[]): string[] {
  const { middle, end } = parts(footprints);
  const patience = footprints.length < roundsToBeStrict ? 3 : 1;
  return limitsOf(footprints).flatMap(({ what, name, unit, growthMax }) => {
    const [before, after] = [medianOf(middle, what), medianOf(end, what)];
    if (after <= before + patience * growthMax(before)) return [];
    return [`${name} has grown from ${told(before, unit)} to ${told(after, unit)}`];
  });
}

/** Of what was measured. */
function limitsOf([first]: readonly Measures[]): readonly Limit[] {
  return limits.filter(({ what }) => first?.[what] !== undefined);
}

function parts(footprints: readonly Measures[]): Record<"middle" | "end", readonly Measures[]> {
  const third = Math.floor(footprints.length / 3);
  return { middle: footprints.slice(third, -third), end: footprints.slice(-third) };
}

function medianOf(part: readonly Measures[], what: keyof Footprint): number {
  return part.map((one) => one[what]!).sort((a, b) => a - b)[part.length >> 1]!;
}

function told(value: number, unit: Limit["unit"]): string {
  return unit === "MB" ? `${(value / megabyte).toFixed(1)} MB` : String(value);
}
