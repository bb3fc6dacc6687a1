import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findJournals } from "./journal-set.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kestrel2-set-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function found(...names: string[]): Promise<{ [queue: string]: string }> {
  for (const name of names) await writeFile(join(folder, name), "");
  const { journals } = await findJournals(folder);
  return Object.fromEntries(
    journals.map(({ queueName, paths }) => [queueName, paths.map((path) => basename(path)).join(" ")]),
  );
}

test("a file for each queue", async () => {
  expect(await found("b", "a", "a+x")).toEqual({ a: "a", "a+x": "a+x", b: "b" });
});

test("older files come first, by their numbers", async () => {
  expect(await found("q", "q.3000", "q.50", "q.100")).toEqual({ q: "q.50 q.100 q.3000 q" });
});

test("numbers may be longer than a number in JavaScript", async () => {
  expect(await found("q.9007199254740993", "q.9007199254740992")).toEqual({
    q: "q.9007199254740992 q.9007199254740993",
  });
});

test("without a current file the older ones are all there is", async () => {
  expect(await found("q.2", "q.1")).toEqual({ q: "q.1 q.2" });
});

test("a packed file stands for all up to its number", async () => {
  expect(await found("q", "q.50", "q.100", "q.100.pack", "q.3000")).toEqual({ q: "q.100.pack q.3000 q" });
});

test("of two packed files the newer stands for the older, too", async () => {
  expect(await found("q", "q.50.pack", "q.60", "q.100.pack")).toEqual({ q: "q.100.pack q" });
});

test("a queue whose name begins another's", async () => {
  expect(await found("a.1", "a", "ab.2.pack", "ab")).toEqual({ a: "a.1 a", ab: "ab.2.pack ab" });
});

test("what is no journal is told, and left alone", async () => {
  await mkdir(join(folder, "sub"));
  await found("q", "q.1", "q.2.pack", "q~~123", "q.1~~7", "q.bak", "q.1.old", ".kestrel-status", "q.");
  const { journals, ignored } = await findJournals(folder);
  expect(journals.map(({ queueName }) => queueName)).toEqual(["q"]);
  expect(Object.fromEntries(ignored.map(({ path, reason }) => [basename(path), reason]))).toEqual({
    sub: "no file",
    "q.1": "replaced by a packed file",
    "q~~123": "temporary",
    "q.1~~7": "temporary",
    "q.bak": "not named as a journal is",
    "q.1.old": "not named as a journal is",
    ".kestrel-status": "not named as a journal is",
    "q.": "not named as a journal is",
  });
});

test("a folder that isn't there", async () => {
  await expect(findJournals(join(folder, "none"))).rejects.toThrow("ENOENT");
});
