/** Journals of Kestrel 2.x where a node keeps its own. */
import { expect, test } from "vitest";
import { CollectedLog } from "../testing/collected-log.ts";
import { FakeDisk, systemError } from "../testing/fake-disk.ts";
import { findOldJournals, warnOfOldJournals } from "./old-journals.ts";

const addX = Buffer.from([2, 19, 0, 0, 0]);

function diskWith(files: Record<string, Buffer>): FakeDisk {
  const disk = new FakeDisk();
  disk.makeFolder("spool/ours");
  for (const [name, content] of Object.entries(files)) disk.replaceFile(`spool/${name}`, content);
  return disk;
}

test("current, older and packed files are found, each queue once", () => {
  const disk = diskWith({ work: addX, "work.1298000000000": addX, "mail.12.pack": addX });
  expect(findOldJournals("spool", disk)).toEqual(["mail", "work"]);
});

test("what is no journal is not taken for one", () => {
  const disk = diskWith({
    README: Buffer.from("# notes"),
    "work~~123": addX,
    "notes.txt": addX,
    ".kestrel.lock": Buffer.from("{}"),
    empty: Buffer.alloc(0),
  });
  expect(findOldJournals("spool", disk)).toEqual([]);
  expect(findOldJournals("nowhere", disk)).toEqual([]);
});

test("the log says what lies there and what to do; nothing is said where nothing is", () => {
  const log = new CollectedLog();
  warnOfOldJournals("spool", diskWith({}), log);
  expect(log.lines).toEqual([]);
  warnOfOldJournals("spool", diskWith({ work: addX }), log);
  expect(log.lines).toMatchObject([{ level: "warn", fields: { folder: "spool", queues: 1 } }]);
  expect(log.lines[0]!.message).toContain("(work)");
  expect(log.lines[0]!.message).toContain("kq journal import spool <new folder>");
});

test("a file that cannot be read stops nothing", () => {
  const log = new CollectedLog();
  const disk = diskWith({ work: addX });
  disk.fault = (operation) => {
    if (operation === "open") throw systemError("EACCES", "spool/work");
  };
  warnOfOldJournals("spool", disk, log);
  expect(log.lines).toMatchObject([{ level: "warn", fields: { err: { code: "EACCES" } } }]);
});

test("of many queues some are named", () => {
  const log = new CollectedLog();
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`q${index + 10}`, addX]));
  warnOfOldJournals("spool", diskWith(files), log);
  expect(log.lines[0]!.message).toContain("q19, and 2 more)");
});
