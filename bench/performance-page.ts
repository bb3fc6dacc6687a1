/**
 * docs/performance.md: the sections of the suites that ran take the place of those of their names, between marks;
 * everything else on the page, written by people, stays as it is.
 */

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderChartSvg } from "./chart-svg.ts";
import { type Section, withoutEmptyColumns } from "./section.ts";

/** What is true of the whole run. */
export interface RunFacts {
  machine: string;
  versions: string;
  when: string;
  commit: string;
  /** The command that repeats it. */
  command: string;
}

export const performancePage: string = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

const opening = (name: string): string => `<!-- bench ${name} -->`;
const closing = (name: string): string => `<!-- /bench ${name} -->`;

export async function writeToPage(
  path: string,
  sections: readonly Section[],
  facts: RunFacts,
): Promise<void> {
  let page = existsSync(path) ? await readFile(path, "utf8") : "# Performance\n";
  for (const section of sections) {
    page = replaceSection(page, section.name, renderMarkdown(section, facts));
    if (section.chart.length === 0) continue;
    await writeFile(join(dirname(path), chartName(section)), renderChartSvg(section.title, section.chart));
  }
  await writeFile(path, page);
}

/** Beside the page. */
function chartName({ name }: Section): string {
  return `performance-${name}.svg`;
}

/** The page with that text between the marks of the name; at its end when it has none. */
function replaceSection(page: string, name: string, text: string): string {
  const marked = `${opening(name)}\n${text}\n${closing(name)}`;
  const from = page.indexOf(opening(name));
  const to = page.indexOf(closing(name));
  if (from === -1 || to < from) return `${page.trimEnd()}\n\n${marked}\n`;
  return page.slice(0, from) + marked + page.slice(to + closing(name).length);
}

function renderMarkdown(section: Section, facts: RunFacts): string {
  const parts = [`## ${section.title}`, ""];
  if (section.notes.length > 0) parts.push(section.notes.join(" "), "");
  const { head, rows } = withoutEmptyColumns(section);
  if (rows.length > 0) parts.push(...markdownTable(head, rows), "");
  if (section.chart.length > 0) parts.push(`![${section.title}](${chartName(section)})`, "");
  if (section.verdicts.length > 0) {
    const rows = section.verdicts.map(({ what, target, figure, isMet, gap }) => [
      what,
      target,
      figure,
      isMet ? "met" : `**missed**${gap === "" ? "" : `, ${gap}`}`,
    ]);
    parts.push(...markdownTable(["target", "wanted", "reached", ""], rows), "");
  }
  const where = `${facts.machine}; ${facts.versions}; commit ${facts.commit}, ${facts.when}.`;
  parts.push(`${where} To repeat it: \`${facts.command}\``);
  return parts.join("\n");
}

function markdownTable(head: readonly string[], rows: readonly string[][]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const isRight = (i: number): boolean => rows.every((row) => /^[\d.,±×%]*$/.test(row[i] ?? ""));
  const rule = head.map((_, i) => (isRight(i) ? "---:" : "---"));
  return [line(head), line(rule), ...rows.filter((row) => row.length > 0).map(line)];
}
