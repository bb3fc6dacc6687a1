import { expect, test } from "vitest";
import { connectionsThatFit, journalFilesMax } from "./open-files.ts";

test.for([256, 1024, 4096, 16_384, 65_536, 1_048_576])(
  "of %i files that may be open, journals and connections leave some to the node, and nearly none unused",
  (filesMax) => {
    const shared = journalFilesMax(filesMax) + connectionsThatFit(filesMax);
    expect(filesMax - shared).toBeGreaterThanOrEqual(32);
    expect(filesMax - shared).toBeLessThanOrEqual(64);
    expect(connectionsThatFit(filesMax)).toBeGreaterThan(filesMax / 2.2);
  },
);

test("there is room for one connection, however few files may be open", () => {
  expect(connectionsThatFit(10)).toBe(1);
});
