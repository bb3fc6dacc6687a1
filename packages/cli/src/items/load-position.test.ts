import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { LoadPosition } from "./load-position.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kq-test-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

it("moves only past items that are all stored, in whatever order they were", async () => {
  const file = join(folder, "items");
  const position = await LoadPosition.find(file, "work");
  for (const number of [1, 2, 3, 4]) position.expect(number, number * 10);
  position.stored(2);
  position.stored(4);
  expect([position.items, position.offset]).toEqual([0, 0]);
  position.stored(1);
  expect([position.items, position.offset]).toEqual([2, 20]);
  await position.save();

  await expect(LoadPosition.find(file, "mail")).rejects.toThrow("on its way into work");
  const found = await LoadPosition.find(file, "work");
  expect([found.items, found.offset]).toEqual([2, 20]);
  found.expect(3, 30);
  found.stored(3);
  expect([found.items, found.offset]).toEqual([3, 30]);
  await found.remove();
  expect(await readdir(folder)).toEqual([]);
});

it.each([
  "",
  "null",
  "{}",
  '{"queue":"work","items":-1,"offset":0}',
  '{"queue":"work","items":"1","offset":"9"}',
  '{"items":1,"offset":9}',
])("refuses a position that is none: %j", async (text) => {
  const file = join(folder, "items");
  await writeFile(`${file}.loaded`, text);
  await expect(LoadPosition.find(file, "work")).rejects.toThrow("holds no position; remove it to begin anew");
});
