/**
 * Rows of data on standard output, in one of three forms: an aligned table on a terminal, tab-separated
 * without a header in a pipe, one JSON document with `--json`. Colours appear only on terminals and never
 * under NO_COLOR.
 */
import Table from "cli-table3";
import pc from "picocolors";
import type { Sink, Surroundings } from "../surroundings.ts";

export type Form = "table" | "plain" | "json";

export function formOf(stdout: Sink, json: boolean | undefined): Form {
  if (json === true) return "json";
  return stdout.isTTY === true ? "table" : "plain";
}

type Colors = ReturnType<typeof pc.createColors>;

/** Colour functions for one stream; they change nothing when the stream is no terminal or NO_COLOR is set. */
export function colorsFor(sink: Sink, env: Surroundings["env"]): Colors {
  const unwanted = (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb";
  return pc.createColors(sink.isTTY === true && !unwanted);
}

export interface Column<Row> {
  title: string;
  /** The value as machines want it; also the JSON value under `name`. */
  value(row: Row): string | number | boolean | null;
  /** The value as people want it, if that differs. */
  show?(row: Row): string;
  align?: "left" | "right";
}

/** Renders `rows` in the wanted form. The text ends in a line feed, or is empty when there are no rows to show. */
export function renderRows<Row>(
  form: Form,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  colors: Colors,
): string {
  if (form === "json") {
    return renderJson(rows.map((row) => Object.fromEntries(columns.map((c) => [c.title, c.value(row)]))));
  }
  if (form === "plain") {
    return rows.map((row) => `${columns.map((c) => plain(c.value(row))).join("\t")}\n`).join("");
  }
  const table = new Table({
    head: columns.map((c) => colors.bold(c.title)),
    colAligns: columns.map((c) => c.align ?? "left"),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2, compact: true },
    chars: borderless,
  });
  for (const row of rows) table.push(columns.map((c) => c.show?.(row) ?? plain(c.value(row))));
  return `${table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")}\n`;
}

export function renderJson(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function plain(value: string | number | boolean | null): string {
  if (value === null) return "";
  return typeof value === "string" ? value.replaceAll(/[\t\n\r]/g, " ") : String(value);
}

const borderless: Record<string, string> = Object.fromEntries(
  [
    "top",
    "top-mid",
    "top-left",
    "top-right",
    "bottom",
    "bottom-mid",
    "bottom-left",
    "bottom-right",
    "left",
    "left-mid",
    "mid",
    "mid-mid",
    "right",
    "right-mid",
    "middle",
  ].map((place) => [place, ""]),
);
