/**
 * Journals of Kestrel 2.x of any bytes, guided by what their reader makes of them: it comes to an end, gives as many items
 * as it says, each with the data that the file has, and accounts for every byte: read, or told to be unread.
 * `KESTREL_GUIDED_MS` says for how long, `KESTREL_GUIDED_SEED` repeats a run.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { fuzzAnnounced, guidedMs } from "../testing/guided-fuzz.ts";
import { describeJournal } from "./describe.ts";
import { encodeAdd, encodeOpen, encodeSaveId } from "./record.ts";
import { replayJournal } from "./replay.ts";

const folder = mkdtempSync(join(tmpdir(), "kestrel-test-"));
const file = join(folder, "journal");

afterAll(() => rmSync(folder, { recursive: true }));

function add(text: string, id = 0, expiryMs = 0): Buffer {
  const data = Buffer.from(text);
  return Buffer.concat([encodeAdd({ data, addTimeMs: 1, expiryMs }, id), data]);
}

const withId = (opcode: number, id: number): Buffer => {
  const record = encodeOpen(id);
  record[0] = opcode;
  return record;
};
const [remove, open] = [Buffer.of(1), Buffer.of(3)];
const [abort, confirm] = [(id: number) => withId(5, id), (id: number) => withId(6, id)];
const oldest = Buffer.from("0007000000000000006162 63".replace(" ", ""), "hex");
const proceed = Buffer.concat([Buffer.of(8), add("again", 9).subarray(1)]);

async function run(input: Buffer): Promise<void> {
  await writeFile(file, input);
  const replay = await replayJournal([file], { nowMs: 5 });
  let [items, size] = [0, 0];
  for await (const { data } of replay.items()) {
    items++;
    size += data.length;
    expect(input.includes(data)).toBe(true);
  }
  expect([items, size]).toEqual([replay.length, await replay.measure()]);
  let [records, bytes] = [0, 0];
  for await (const described of describeJournal([file], { withData: true })) {
    if ("kind" in described) bytes += described.unreadBytes;
    else {
      records++;
      bytes += described.record.size;
    }
  }
  expect([records, bytes]).toEqual([replay.recordLength, input.length]);
}

test("a journal of any bytes is read to its end", { timeout: guidedMs + 60_000 }, async () => {
  await fuzzAnnounced({
    name: "journal of Kestrel 2",
    seeds: [
      Buffer.concat([add("one"), add("two", 0, 5), open, abort(1), open, confirm(2), remove]),
      Buffer.concat([encodeSaveId(7), add("three", 8), encodeOpen(8), oldest, proceed, confirm(9)]),
      Buffer.concat([oldest, add(""), encodeOpen(3), encodeOpen(4), abort(3), remove, open]),
    ],
    words: [
      add("x"),
      add("y", 3),
      remove,
      open,
      encodeOpen(2),
      encodeSaveId(5),
      abort(1),
      confirm(1),
      proceed,
      oldest,
    ],
    run,
  });
});
