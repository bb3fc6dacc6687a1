import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { findThirdParties, renderThirdParties } from "./third-party.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Those that ask for no more than to be named. */
const licenses = [
  "0BSD",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "BlueOak-1.0.0",
  "ISC",
  "MIT",
  "Zlib",
];

test("what our packages bring along has a licence that lets us", () => {
  const parties = findThirdParties(root);
  expect(parties.map(({ name }) => name)).toEqual(expect.arrayContaining(["memjs", "pino", "yargs"]));
  expect(parties.filter(({ license }) => !isAllowed(license))).toEqual([]);
});

test("nothing of others runs when our packages are installed", () => {
  expect(findThirdParties(root).filter(({ hasInstallScript }) => hasInstallScript)).toEqual([]);
});

test("THIRD_PARTY.md lists it: node test/dist/third-party.js > THIRD_PARTY.md", async () => {
  expect(await readFile(`${root}/THIRD_PARTY.md`, "utf8")).toBe(renderThirdParties(findThirdParties(root)));
});

function isAllowed(expression: string): boolean {
  return expression
    .replace(/^\((.*)\)$/, "$1")
    .split(" OR ")
    .some((all) => all.split(" AND ").every((license) => licenses.includes(license)));
}
