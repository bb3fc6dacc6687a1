import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { renderDuration, renderSize } from "./quantities.ts";
import { readSettings } from "./schema.ts";
import { defaultServerSettings } from "./server-settings.ts";
import { defaultQueueSettings } from "./settings.ts";
import { queueTable, serverTable } from "./tables.ts";

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../../${path}`, import.meta.url), "utf8");

/** As it stands in the documentation: `"16MB"`, `100`, `false`, none. */
function written(field: string, value: unknown): string {
  if (value === null) return "none";
  if (typeof value === "number" && value > 0 && field.endsWith("Bytes")) return `\`"${renderSize(value)}"\``;
  if (typeof value === "number" && value > 0 && field.endsWith("Ms")) return `\`"${renderDuration(value)}"\``;
  return `\`${JSON.stringify(value)}\``;
}

/** What the documentation says in words instead. */
const inWords = ["connectionBacklog", "statusFile"];

test("every setting is documented with its default", async () => {
  const text = (await read("docs/settings.md")).replace('"60s"', '"1m"');
  const rows = [
    ...Object.entries(queueTable).map(([field, { name }]) => [
      name,
      written(field, Object.entries(defaultQueueSettings).find(([key]) => key === field)?.[1]),
    ]),
    ...Object.entries(serverTable).map(([field, { name }]) => [
      name,
      written(field, Object.entries(defaultServerSettings).find(([key]) => key === field)?.[1]),
    ]),
  ];
  for (const [name, value] of rows) {
    expect(text).toContain(inWords.includes(name!) ? `| \`${name}\` |` : `| \`${name}\` | ${value} |`);
  }
});

test.each(["development", "production"])("the examples for %s are good, and say the same", async (name) => {
  const json: unknown = JSON.parse(await read(`examples/config/${name}.json`));
  const source = (await read(`examples/config/${name}.mjs`)).replace(
    'import { defineConfig } from "@kestrel-mq/server";',
    "const defineConfig = (config) => config;",
  );
  const module = (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as { default: unknown };
  expect(json).toEqual(module.default);
  expect(readSettings(json).queues.queueNames.length).toBeGreaterThan(0);
});
