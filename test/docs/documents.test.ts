/** The documents are true: what they show is done, from top to bottom, and must come out as they show it. */

import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { isAsShown, readPage } from "./page.ts";
import { Runner } from "./runner.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = [
  "README.md",
  "docs/guide.md",
  "docs/operations.md",
  "docs/kq.md",
  "docs/admin.md",
  "docs/coming-from-kestrel-2.md",
  "docs/reliability.md",
  "docs/security.md",
  "docs/journal-format.md",
];
/** Some fifty programs one after the other. */
const pageMsMax = 300_000;

test.each(pages)(
  "%s",
  async (page) => {
    const steps = await readPage(join(root, page));
    await using runner = await Runner.start(steps.find(({ kind }) => kind === "settings")?.text ?? "{}");
    for (const step of steps) {
      await runner.run(step).catch((error: Error) => {
        throw new Error(`${page}, line ${step.line}: ${error.message}`);
      });
    }
  },
  pageMsMax,
);

test("what is printed is compared line by line, however it is indented", () => {
  expect(isAsShown("a\t1\n", "a   1\n")).toBe(true);
  expect(isAsShown("a\t1\n", "a   …\n")).toBe(true);
  expect(isAsShown("a\nb\nc\n", "a\n…\nc\n")).toBe(true);
  expect(isAsShown("a\nc\n", "a\n…\nc\n")).toBe(true);
  expect(isAsShown("a 1\n", "a 2\n")).toBe(false);
  expect(isAsShown("a\nb\n", "a\n")).toBe(false);
  expect(isAsShown("ab\n", "a.\n")).toBe(false);
});

/** What the pages link to inside the repository: `[text](../path#part)`. */
async function linksOf(page: string): Promise<{ text: string; path: string }[]> {
  const source = await readFile(join(root, page), "utf8");
  return [...source.matchAll(/\[([^\]]+)\]\((?!https?:)([^)#\s]+)[^)]*\)/g)].map(([, text, path]) => ({
    text: text!.replaceAll(/\s+/g, " "),
    path: join(root, dirname(page), path!),
  }));
}

const linked = [
  "README.md",
  "docs/journal-format.md",
  "docs/operations.md",
  "docs/reliability.md",
  "docs/security.md",
  "contrib/README.md",
];

test.each(linked)("links of %s", async (page) => {
  for (const { text, path } of await linksOf(page)) {
    await access(path).catch(() => expect.fail(`${page} links to ${path}, which is not there`));
    if (!path.endsWith(".test.ts")) continue;
    const source = await readFile(path, "utf8");
    for (const part of text.split("…"))
      expect(source, `${path} has a test of this name`).toContain(part.trim());
  }
});
