/** docs/reliability.md: what a long run has counted takes the place of what it counted before, between its marks. */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

/** What tests print of their figures. */
const figure =
  /lost 0|file that was touched|no promise broken|spoilt spools|answers at the admin port|files and sockets|blocks reached/;

/** Writes the figures among these lines into the page, with date, commit and the command that repeats them. */
export function writeFigures(page: string, name: string, command: string, lines: readonly string[]): void {
  const figures = lines
    .map((line) => line.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g"), "").trim())
    .filter((line) => figure.test(line));
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const when = new Date().toISOString().slice(0, 10);
  const [opening, closing] = [`<!-- figures ${name} -->`, `<!-- /figures ${name} -->`];
  const text = `${opening}\n\`${command}\`, commit ${commit}, ${when}:\n\n${figures.map((line) => `- ${line}`).join("\n")}\n${closing}`;
  const source = readFileSync(page, "utf8");
  const [from, to] = [source.indexOf(opening), source.indexOf(closing)];
  const isThere = from >= 0 && to > from;
  writeFileSync(
    page,
    isThere
      ? source.slice(0, from) + text + source.slice(to + closing.length)
      : `${source.trimEnd()}\n\n${text}\n`,
  );
}
