/** What a suite found: a table, a chart, and each target with what was reached. As text for a terminal here. */

export interface Section {
  /** The suite's name: a report replaces the section of that name. */
  name: string;
  title: string;
  /** Sentences above the table: what was done. */
  notes: string[];
  /** What the columns mean, for a terminal: a page says it once for all. */
  legend: string[];
  head: string[];
  /** Cells; an empty row stands for a gap. */
  rows: string[][];
  chart: Bar[];
  verdicts: Verdict[];
}

export interface Bar {
  label: string;
  value: number;
  /** The value with its unit. */
  text: string;
}

export interface Verdict {
  what: string;
  target: string;
  figure: string;
  isMet: boolean;
  /** By how much it was missed, in words; empty when it was met. */
  gap: string;
}

const barLengthMax = 40;
const numeric = /^[\d.,±%×+\-? ]*( (µs|ms|s|MB\/s|KB|MB))?$/;

/** A ratio that has to reach a least value. */
export function atLeast(what: string, value: number, least: number): Verdict {
  const gap = value >= least ? "" : `${((1 - value / least) * 100).toFixed(0)}% below`;
  return { what, target: `≥ ${least}`, figure: value.toFixed(2), isMet: value >= least, gap };
}

/** A figure that must not go beyond a greatest value. */
export function atMost(what: string, value: number, most: number, unit: string): Verdict {
  const gap = value <= most ? "" : `${(value - most).toFixed(value < 10 ? 1 : 0)} ${unit} above`;
  const figure = `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
  return { what, target: `≤ ${most.toFixed(most < 10 ? 1 : 0)} ${unit}`, figure, isMet: value <= most, gap };
}

export function renderSection(section: Section): string {
  const { head, rows } = withoutEmptyColumns(section);
  const parts = [
    `\n${section.title}`,
    "",
    ...section.legend,
    ...section.notes,
    "",
    ...renderTable(head, rows),
  ];
  if (section.chart.length > 0) parts.push("", ...renderChart(section.chart));
  if (section.verdicts.length > 0) parts.push("");
  for (const { what, target, figure, isMet, gap } of section.verdicts) {
    parts.push(
      `${isMet ? "met   " : "MISSED"}  ${what}: ${figure} (${target}${gap === "" ? "" : `; ${gap}`})`,
    );
  }
  return parts.join("\n");
}

export function withoutEmptyColumns({ head, rows }: Section): Pick<Section, "head" | "rows"> {
  const isFilled = head.map((_, i) => rows.some((row) => (row[i] ?? "") !== ""));
  const keep = (cells: string[]): string[] => cells.filter((_, i) => isFilled[i]);
  return { head: keep(head), rows: rows.map(keep) };
}

function renderTable(head: readonly string[], rows: readonly string[][]): string[] {
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const isRight = head.map((_, i) => rows.every((row) => numeric.test(row[i] ?? "")));
  const render = (row: readonly string[]): string =>
    widths
      .map((width, i) => (isRight[i] ? (row[i] ?? "").padStart(width) : (row[i] ?? "").padEnd(width)))
      .join("  ")
      .trimEnd();
  return [render(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(render)];
}

/** Bars that are as long as their values, the longest as long as may be. */
function renderChart(bars: readonly Bar[]): string[] {
  const labelWidth = Math.max(...bars.map(({ label }) => label.length));
  const most = Math.max(...bars.map(({ value }) => value));
  return bars.map(({ label, value, text }) => {
    const bar = "█".repeat(Math.max(1, Math.round((value / most) * barLengthMax)));
    return `${label.padEnd(labelWidth)}  ${bar} ${text}`;
  });
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

export function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

export function size(bytes: number): string {
  if (bytes >= 1024 * 1024) return `${bytes / 1024 / 1024} MB`;
  return bytes >= 1024 ? `${bytes / 1024} KB` : `${bytes} B`;
}
