import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeJournal, renderDescribed } from "./describe.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kestrel2-describe-"));
});
afterEach(() => rm(folder, { recursive: true }));

const addOfHello = `0215000000${"0100000000000000"}${"0000000000000000"}68656c6c6f`;

async function file(name: string, hex: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, Buffer.from(hex, "hex"));
  return path;
}

async function linesOf(...paths: string[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const described of describeJournal(paths)) lines.push(renderDescribed(described, 1000));
  return lines;
}

test("every operation has its word, its offset, and the id that it is about", async () => {
  const older = await file(
    "q.1",
    [
      addOfHello,
      `0712000000${"11000000"}${"0100000000000000"}${"0100000000000000"}41`,
      "0007000000ff7f0000616263",
      "0905000000",
      "03",
      "0505000000",
    ].join(""),
  );
  const newer = await file(
    "q",
    ["0612000000", "01", "04ff000000", "03", `0800010000${"10000000"}${"00".repeat(16)}`].join(""),
  );
  expect(await linesOf(older, newer)).toEqual([
    "00000000  ADD 5",
    "0000001a  ADD 1 xid=18 expired",
    "00000034  ADD 3 exp=32766000ms",
    "00000040  RSV 5",
    "00000045  RSV 18",
    "00000046  CAN 5",
    "00000000  ACK 18",
    "00000005  REM",
    "00000006  XID 255",
    "0000000b  RSV 256",
    "0000000c  CON 0 xid=256",
  ]);
});

test("what doesn't fit and what can't be read", async () => {
  const path = await file("q", "010607000000ff00");
  expect(await linesOf(path)).toEqual([
    "00000000  REM (the queue has no item to remove)",
    "00000001  ACK 7 (no item is open under 7)",
    "00000006  damaged: 255 is no opcode; 2 bytes are not read",
  ]);
});

test("with the data of items, when asked for", async () => {
  const path = await file("q", `${addOfHello}01`);
  const data: unknown[] = [];
  for await (const described of describeJournal([path], { withData: true })) {
    expect(described).toMatchObject({ path });
    data.push("data" in described ? described.data : undefined);
  }
  expect(data).toEqual([Buffer.from("hello"), null]);
});
