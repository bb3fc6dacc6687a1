/** Where frames are found behind damage, whatever an item holds. That it takes minutes at most, the time-out says: hours else. */
import { expect, test } from "vitest";
import { viewOf } from "./bytes.ts";
import { encodeEndMark, frameHeadSize, sealFrame, splitStretches } from "./frame.ts";

const seed = 7;

/** A sealed frame with this payload. */
function frameOf(payload: Buffer): Buffer {
  const frame = Buffer.concat([Buffer.alloc(frameHeadSize), payload]);
  sealFrame(frame, viewOf(frame), 0, frame.length, seed);
  return frame;
}

test("an item full of heads that announce megabytes costs a little time, and at most a megabyte behind it", () => {
  const size = 4 * 1024 * 1024;
  const payload = Buffer.alloc(size);
  const head = frameOf(Buffer.alloc(0));
  for (let at = 0; at + frameHeadSize <= size; at += frameHeadSize) {
    head.writeUInt32LE(size - at - frameHeadSize, 4);
    head.copy(payload, at);
  }
  const broken = frameOf(payload);
  broken[4]! ^= 1;
  const near = frameOf(Buffer.alloc(1024 * 1024));
  const behind = frameOf(Buffer.from("behind"));
  const bytes = Buffer.concat([broken, near, behind]);
  const lostEnd = broken.length + near.length;
  expect(splitStretches(bytes, 0, bytes.length, seed)).toEqual([
    { start: 0, end: lostEnd, isSound: false },
    { start: lostEnd, end: bytes.length, isSound: true },
  ]);
});

test("an item full of end marks is stepped over in one go", () => {
  const marks = Buffer.concat(new Array<Buffer>(100_000).fill(encodeEndMark(seed)));
  const broken = frameOf(marks);
  broken[4]! ^= 1;
  const behind = frameOf(Buffer.from("behind"));
  const bytes = Buffer.concat([broken, behind]);
  for (const mayEndBefore of [true, false]) {
    expect(splitStretches(bytes, 0, bytes.length, seed, mayEndBefore)).toEqual([
      { start: 0, end: frameHeadSize, isSound: false },
      { start: frameHeadSize, end: broken.length, isSound: false },
      { start: broken.length, end: bytes.length, isSound: true },
    ]);
  }
});
