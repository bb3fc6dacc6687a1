import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DiskFile, NodeDisk } from "./disk.ts";

const descriptorsMax = 4;
let folder = "";

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "kestrel-disk-"));
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

function createFiles(length: number): DiskFile[] {
  const disk = new NodeDisk(descriptorsMax);
  return Array.from({ length }, (_, number) => disk.create(path.join(folder, `${number}`)));
}

/** How many of the folder's files this process holds open. */
function openLength(): number {
  const descriptors = fs.readdirSync("/proc/self/fd").map((number) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${number}`);
    } catch {
      return "";
    }
  });
  return descriptors.filter((name) => name.startsWith(folder)).length;
}

const countable = fs.existsSync("/proc/self/fd");

test.runIf(countable)(
  "more files than descriptors: each is written and read as if it had one of its own",
  async () => {
    const files = createFiles(descriptorsMax * 5);
    for (let round = 0; round < 20; round++) {
      for (const [number, file] of files.entries()) file.write(Buffer.from([number]), 0, 1, round);
      expect(openLength()).toBe(descriptorsMax);
    }
    for (const [number, file] of files.entries()) {
      const bytes = Buffer.alloc(20);
      expect(await file.read(bytes, 0, 20, 0)).toBe(20);
      expect(bytes).toEqual(Buffer.alloc(20, number));
    }
    for (const file of files) file.close();
    expect(openLength()).toBe(0);
  },
);

test.runIf(countable)("a file that is being read or synced keeps its descriptor", async () => {
  const files = createFiles(descriptorsMax * 5);
  const syncs = files.map((file) => file.sync());
  expect(openLength()).toBe(files.length);
  await Promise.all(syncs);
  for (const file of files) file.close();
  expect(openLength()).toBe(0);
});

test("a file whose name is gone, or is another's, is not there", () => {
  const [file] = createFiles(1);
  const name = file!.path;
  expect(file!.isThere()).toBe(true);
  fs.renameSync(name, `${name}.old`);
  expect(file!.isThere()).toBe(false);
  fs.writeFileSync(name, "another");
  expect(file!.isThere()).toBe(false);
  fs.renameSync(`${name}.old`, name);
  expect(file!.isThere()).toBe(true);
  file!.close();
});

test("a file that was renamed is found by its new name, with a descriptor or without", () => {
  const files = createFiles(descriptorsMax * 5);
  for (const [number, file] of files.entries()) file.rename(path.join(folder, `${number}.new`));
  for (const [number, file] of files.entries()) {
    file.write(Buffer.from([number]), 0, 1, 0);
    expect(file.isThere()).toBe(true);
    expect(fs.readFileSync(path.join(folder, `${number}.new`))).toEqual(Buffer.from([number]));
  }
  expect(fs.readdirSync(folder)).toHaveLength(files.length);
  for (const file of files) file.close();
});
