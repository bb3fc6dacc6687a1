import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cutUnfinishedLine, parseItemLine, renderItemLine } from "./item-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kq-test-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it("says nothing of flags where there are none", () => {
  expect(renderItemLine({ data: Buffer.from("x"), flags: 0 })).toBe('{"data":"x"}\n');
});

it("gives back every item as it was", () => {
  const item = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.string().map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(item, fc.nat({ max: 0xffff_ffff }), (data, flags) => {
      const line = renderItemLine({ data, flags });
      expect(line.indexOf("\n")).toBe(line.length - 1);
      expect(parseItemLine(Buffer.from(line.slice(0, -1)))).toEqual({ data, flags });
    }),
  );
});

it.each(["", "no json", "{}", "[]", "null", '{"data":1}', '{"data":"x","flags":"y"}', '{"data":"torn'])(
  "takes %j for no item",
  (line) => {
    expect(parseItemLine(Buffer.from(line))).toBeUndefined();
  },
);

it.each([
  ["", ""],
  ["a\nb\n", "a\nb\n"],
  ["a\nb", "a\n"],
  ["torn", ""],
  [`${"x".repeat(100)}\n${"y".repeat(70_000)}`, `${"x".repeat(100)}\n`],
  [`${"x".repeat(200_000)}`, ""],
])("cuts an unfinished last line off", async (before, after) => {
  const path = join(folder, "items");
  await writeFile(path, before);
  await cutUnfinishedLine(path);
  expect(await readFile(path, "utf8")).toBe(after);
});

it("makes a file where there is none", async () => {
  await cutUnfinishedLine(join(folder, "new"));
  expect(await readFile(join(folder, "new"), "utf8")).toBe("");
});
