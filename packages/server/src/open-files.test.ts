import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  adminConnectionsMax,
  connectionsThatFit,
  journalFilesMax,
  reportedOpenFilesMax,
} from "./open-files.ts";

test.for([256, 1024, 4096, 16_384, 65_536, 1_048_576])(
  "of %i files that may be open, journals and connections leave some to the node, and nearly none unused",
  (filesMax) => {
    for (const adminLength of [0, adminConnectionsMax(filesMax)]) {
      const shared = journalFilesMax(filesMax) + connectionsThatFit(adminLength > 0, filesMax) + adminLength;
      expect(filesMax - shared).toBeGreaterThanOrEqual(32);
      expect(filesMax - shared).toBeLessThanOrEqual(64);
    }
    expect(connectionsThatFit(false, filesMax)).toBeGreaterThan(filesMax / 2.2);
    expect(connectionsThatFit(true, filesMax)).toBeGreaterThan(filesMax / 2.6);
    expect(adminConnectionsMax(filesMax)).toBeGreaterThanOrEqual(16);
    expect(adminConnectionsMax(filesMax)).toBeLessThanOrEqual(256);
  },
);

test("there is room for one connection, however few files may be open", () => {
  expect(connectionsThatFit(true, 10)).toBe(1);
});

test("where no limit is known there is none on connections; journals and the admin port keep theirs", () => {
  const none = Number.POSITIVE_INFINITY;
  expect(connectionsThatFit(true, none)).toBe(none);
  expect(journalFilesMax(none)).toBe(2867);
  expect(adminConnectionsMax(none)).toBe(256);
});

test("Node's report on the process tells the limit where there is no /proc", () => {
  const reported = reportedOpenFilesMax();
  expect(reported).toBeGreaterThan(0);
  if (process.platform !== "linux") return;
  const soft = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))![1]!;
  expect(reported).toBe(soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft));
});
