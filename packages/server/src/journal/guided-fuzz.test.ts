/**
 * A queue's log spoilt by edits that are guided by what the recovery does about them: bits, cuts, pieces and whole
 * frames left out, doubled and moved, files gone or copied over others. The node starts, hands out nothing that was
 * never put, nothing twice and all in order, and keeps what is put from then on. Where the edits leave frames that check
 * and say nonsense, which no damage does, it has to come to an end. `KESTREL_GUIDED_MS` says for how long,
 * `KESTREL_GUIDED_SEED` repeats a run.
 */
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { verifyLog } from "../inspection/verify-log.ts";
import type { FakeDisk } from "../testing/fake-disk.ts";
import { fuzzAnnounced, guidedMs } from "../testing/guided-fuzz.ts";
import { TestNode } from "../testing/node.ts";
import { viewOf } from "./bytes.ts";
import { frameHeadSize, sealFrame, segmentSeed, splitStretches } from "./frame.ts";
import { findSegmentName, segmentMagic, segmentName } from "./segment.ts";

const rules = { default: { defaultJournalSizeBytes: 500, maxMemorySizeBytes: 1000 } };
const readers = ["q", "q+fanout"];
const itemLength = 30;
/** Nonsense may have many items, but there is an end to them. */
const drainedMax = 5_000;
let original: FakeDisk;

const itemOf = (number: number): string => `${number} ${"x".repeat((number * 37) % 60)}`;

beforeAll(async () => {
  const node = await TestNode.start(rules);
  node.queues.obtain("q+fanout");
  for (let number = 0; number < itemLength; number++) {
    node.put("q", itemOf(number));
    if (number % 3 === 0) await node.get("q+fanout");
    if (number % 4 === 0) await node.get("q", number % 8 === 0 ? "open" : "take");
  }
  original = node.disk.afterKill();
});

/** Where the frames of a segment that is whole so far lie. */
function framesOf(file: string, bytes: Buffer): [from: number, to: number][] {
  const view = viewOf(bytes);
  const seed = segmentSeed(path.basename(file));
  return splitStretches(bytes, segmentMagic.length, bytes.length, seed, true).flatMap(
    ({ start, end, isSound }) => {
      const frames: [number, number][] = [];
      for (let at = start; isSound && at < end; at = frames.at(-1)![1]) {
        frames.push([at, at + frameHeadSize + view.getUint32(at + 4, true)]);
      }
      return frames;
    },
  );
}

function without(bytes: Buffer, from: number, to: number, between: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([bytes.subarray(0, from), between, bytes.subarray(to)]);
}

const editSize = 6;

/** Does what an input says: six bytes an edit. True: it has sealed frames anew, so that nonsense may check. */
function spoil(disk: FakeDisk, input: Buffer): boolean {
  let isSealed = false;
  for (let at = 0; at + editSize <= input.length; at += editSize) {
    const files = [...disk.files.keys()].filter((file) => findSegmentName(path.basename(file))).sort();
    const [kind, which, place, size, value] = [
      input[at]!,
      input[at + 1]!,
      input.readUInt16BE(at + 2),
      input[at + 4]!,
      input[at + 5]!,
    ];
    const file = files[which % Math.max(1, files.length)];
    if (file === undefined) return isSealed;
    const bytes = Buffer.from(disk.bytesOf(file));
    const from = place % Math.max(1, bytes.length);
    const to = Math.min(bytes.length, from + size);
    const frames = framesOf(file, bytes);
    const [frameFrom, frameTo] = frames[size % Math.max(1, frames.length)] ?? [0, 0];
    const [otherFrom] = frames[value % Math.max(1, frames.length)] ?? [0];
    const frame = bytes.subarray(frameFrom, frameTo);
    switch (kind % 13) {
      case 0:
        if (bytes.length > 0) bytes[from]! ^= value;
        disk.setBytes(file, bytes);
        break;
      case 1:
        disk.setBytes(file, bytes.subarray(0, from));
        break;
      case 2:
        disk.setBytes(file, without(bytes, from, to));
        break;
      case 3:
        disk.setBytes(file, bytes.fill(value, from, to));
        break;
      case 4:
        disk.setBytes(
          file,
          without(bytes, from, from, bytes.subarray(value % Math.max(1, bytes.length), to)),
        );
        break;
      case 5:
        disk.files.delete(file);
        break;
      case 6:
        disk.setBytes(files[value % files.length]!, bytes);
        break;
      case 7:
        disk.setBytes(file, without(bytes, frameFrom, frameTo));
        break;
      case 8:
        disk.setBytes(file, without(bytes, otherFrom, otherFrom, frame));
        break;
      case 9:
        disk.setBytes(file, Buffer.concat([bytes, frame]));
        break;
      case 10:
        disk.setBytes(file, Buffer.concat([bytes, Buffer.alloc(size * 8, value)]));
        break;
      case 11:
        disk.setBytes(path.join(path.dirname(file), segmentName(place, value)), bytes);
        break;
      default: {
        // Within a frame, and sealed again.
        if (frames.length === 0) break;
        const inside = frameFrom + frameHeadSize + (place % Math.max(1, frame.length - frameHeadSize));
        bytes[inside] = value;
        sealFrame(bytes, viewOf(bytes), frameFrom, frameTo, segmentSeed(path.basename(file)));
        disk.setBytes(file, bytes);
        isSealed = true;
      }
    }
  }
  return isSealed;
}

async function drain(node: TestNode, reader: string): Promise<string[]> {
  const texts: string[] = [];
  for (let got = await node.get(reader); got !== null; got = await node.get(reader)) {
    texts.push(got.text);
    if (texts.length > drainedMax) throw new Error(`no end of items in ${reader}`);
  }
  return texts;
}

function expectSound(texts: readonly string[], reader: string): void {
  const numbers = texts.map((text) => Number.parseInt(text, 10));
  expect(texts, `from ${reader}`).toEqual(numbers.map(itemOf));
  expect(numbers, `in order, each once, from ${reader}`).toEqual([...new Set(numbers)].sort((a, b) => a - b));
}

function contentOf(disk: FakeDisk): Buffer {
  return Buffer.concat([...disk.files.keys()].flatMap((file) => [Buffer.from(file), disk.bytesOf(file)]));
}

async function run(input: Buffer): Promise<void> {
  const disk = original.afterKill();
  const isNonsense = spoil(disk, input);
  try {
    await expectRecovery(disk, isNonsense, input.length % 2 === 0);
  } catch (error) {
    // What no version has written may be refused.
    if (!isNonsense || !(error instanceof RangeError)) throw error;
  }
}

/** `isReadAtOnce`: before anything is put, and not only after the next start. */
async function expectRecovery(disk: FakeDisk, isNonsense: boolean, isReadAtOnce: boolean): Promise<void> {
  const before = contentOf(disk);
  await verifyLog("spool/q", { source: disk });
  expect(contentOf(disk).equals(before), "to look at it changes nothing").toBe(true);
  const node = await TestNode.start(rules, disk);
  for (const reader of isReadAtOnce ? readers : []) {
    const texts = await drain(node, reader);
    if (!isNonsense) expectSound(texts, reader);
  }
  const put = node.put("q", itemOf(itemLength));
  const next = await node.afterKill();
  for (const reader of readers) {
    const texts = await drain(next, reader);
    if (isNonsense) continue;
    expectSound(texts, reader);
    if (reader === "q") expect([put, texts.at(-1)]).toEqual(["kept", itemOf(itemLength)]);
  }
  await next.stop();
}

const edits = (...texts: string[]): Buffer => Buffer.from(texts.join(""), "hex");

test("a spoilt log: nothing made up, doubled or out of order", { timeout: guidedMs + 60_000 }, async () => {
  await fuzzAnnounced({
    name: "journal",
    seeds: [
      edits("000000640001"),
      edits("010100c80000", "05020000ff00"),
      edits("020000503c00", "030100505000"),
      edits("060000000001", "070100000100", "080200000300"),
      edits("090000000200", "0a0300004055", "0b0000050007"),
      edits("0c0000080109", "0c0300000003"),
      // An index that checks and tells of a chunk larger than its file.
      edits("0c0000b3ffff"),
    ],
    words: Array.from({ length: 13 }, (_, kind) => Buffer.from([kind, 0, 0, 100, 2, 1])),
    run,
  });
});
