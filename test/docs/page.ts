/**
 * A page of the documents that can be run: what in its fenced blocks a reader would do, in order.
 *
 *     ```console       $ a command, > its further lines, and what they print; … stands for anything
 *     ```transcript    a conversation with the first node, as test/harness/transcript.ts reads it
 *     ```ts            a program
 *     ```json          settings; the nodes of the page run with the first ones
 *
 * Other blocks, and those that are indented, are not for running.
 */

import { readFile } from "node:fs/promises";

export type Step =
  | { readonly kind: "command"; readonly line: number; readonly text: string; readonly output: string }
  | { readonly kind: "transcript" | "program" | "settings"; readonly line: number; readonly text: string };

const kinds = { transcript: "transcript", ts: "program", json: "settings" } as const;

/** Reads a page of docs. Throws on a console block that doesn't begin with a command. */
export async function readPage(path: string): Promise<Step[]> {
  const page = await readFile(path, "utf8");
  const steps: Step[] = [];
  for (const { 0: whole, 1: language, 2: text, index } of page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const line = page.slice(0, index).split("\n").length + 1;
    if (language === "console") steps.push(...readCommands(text!, line));
    else if (language! in kinds) {
      steps.push({ kind: kinds[language as keyof typeof kinds], line, text: text! });
    } else if (language === "sh") {
      throw new Error(`line ${line}: commands stand in blocks that can be run: console, not ${whole}`);
    }
  }
  return steps;
}

function readCommands(block: string, line: number): Step[] {
  const steps: { kind: "command"; line: number; text: string; output: string }[] = [];
  for (const [index, row] of block.trimEnd().split("\n").entries()) {
    const last = steps.at(-1);
    if (row.startsWith("$ ")) {
      steps.push({ kind: "command", line: line + index, text: row.slice(2), output: "" });
    } else if (last === undefined) {
      throw new Error(`line ${line + index}: a console block begins with a command`);
    } else if (row.startsWith("> ") && last.output === "") {
      last.text += `\n${row.slice(2)}`;
    } else {
      last.output += `${row}\n`;
    }
  }
  return steps;
}

/** Whether a command printed what the page shows, however it is indented. `…` alone on a line is any lines. */
export function isAsShown(printed: string, shown: string): boolean {
  const pattern = tidy(shown)
    .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll(/^…\n/gm, "(?:.*\n)*")
    .replaceAll("…", ".*");
  return new RegExp(`^${pattern}$`).test(tidy(printed));
}

function tidy(text: string): string {
  return text
    .replaceAll(/[ \t]+/g, " ")
    .replaceAll(/ $/gm, "")
    .replace(/\n*$/, "\n");
}
