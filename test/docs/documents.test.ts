/** The documents are true: what they show is done, from top to bottom, and must come out as they show it. */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { isAsShown, readPage } from "./page.ts";
import { Runner } from "./runner.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const pages = ["guide", "operations", "coming-from-kestrel-2", "reliability", "security"];
/** Some fifty programs one after the other. */
const pageMsMax = 300_000;

test.each(pages)(
  "docs/%s.md",
  async (page) => {
    const steps = await readPage(join(root, `docs/${page}.md`));
    await using runner = await Runner.start(steps.find(({ kind }) => kind === "settings")?.text ?? "{}");
    for (const step of steps) {
      await runner.run(step).catch((error: Error) => {
        throw new Error(`docs/${page}.md, line ${step.line}: ${error.message}`);
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
