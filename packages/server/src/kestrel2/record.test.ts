import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRecord, encodeAdd, encodeOpen, encodeSaveId } from "./record.ts";

/** Bytes as one would write them down: hexadecimal with blanks, and text in quotes. */
function bytes(written: string): Buffer {
  return Buffer.concat(
    Array.from(written.matchAll(/"([^"]*)"|([0-9a-f]{2})/g), ([, text, hex]) =>
      text === undefined ? Buffer.from(hex!, "hex") : Buffer.from(text),
    ),
  );
}

const none = { id: 0, dataSize: 0, addTimeMs: null, expiryMs: 0 };

/** Every form, by hand. */
const written: [name: string, bytes: string, record: object][] = [
  ["ADD", '00 07 00 00 00 00 00 00 00 "abc"', { operation: "add", ...none, dataSize: 3 }],
  [
    "ADD with an expiry",
    '00 05 00 00 00 00 6d 7c 4d "a"',
    { operation: "add", ...none, dataSize: 1, expiryMs: 1_300_000_000_000 },
  ],
  ["ADD of nothing", "00 04 00 00 00 00 00 00 00", { operation: "add", ...none }],
  ["REMOVE", "01", { operation: "remove", ...none }],
  [
    "ADDX",
    '02 12 00 00 00 00 88 43 ae 2e 01 00 00 00 00 00 00 00 00 00 00 "hi"',
    { operation: "add", ...none, dataSize: 2, addTimeMs: 0x12e_ae43_8800 },
  ],
  [
    "ADDX with an expiry",
    '02 11 00 00 00 01 00 00 00 00 00 00 00 ff ff ff ff 00 00 00 00 "x"',
    { operation: "add", ...none, dataSize: 1, addTimeMs: 1, expiryMs: 0xffff_ffff },
  ],
  ["REMOVE_TENTATIVE", "03", { operation: "open", ...none }],
  ["SAVE_XID", "04 01 02 00 00", { operation: "save-id", ...none, id: 513 }],
  ["UNREMOVE", "05 07 00 00 00", { operation: "abort", ...none, id: 7 }],
  ["CONFIRM_REMOVE", "06 ff ff ff ff", { operation: "confirm", ...none, id: -1 }],
  [
    "ADD_XID",
    '07 09 00 00 00 11 00 00 00 05 00 00 00 00 00 00 00 06 00 00 00 00 00 00 00 "z"',
    { operation: "add", id: 9, dataSize: 1, addTimeMs: 5, expiryMs: 6 },
  ],
  [
    "CONTINUE",
    '08 09 00 00 00 11 00 00 00 05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "z"',
    { operation: "continue", id: 9, dataSize: 1, addTimeMs: 5, expiryMs: 0 },
  ],
  ["REMOVE_TENTATIVE_XID", "09 03 00 00 00", { operation: "open", ...none, id: 3 }],
];

describe.each(written)("%s", (_, text, record) => {
  const whole = bytes(text);

  test("is read", () => {
    expect(decodeRecord(whole, 0, 0, whole.length)).toEqual({ ...record, offset: 0, size: whole.length });
  });

  test("is read in the middle of a file", () => {
    const file = Buffer.concat([bytes("01 01"), whole, bytes("01")]);
    expect(decodeRecord(file, 2, 102, 102 + whole.length + 1)).toEqual({
      ...record,
      offset: 102,
      size: whole.length,
    });
  });

  test("is seen to be cut, wherever it is", () => {
    for (let length = 1; length < whole.length; length++) {
      expect(decodeRecord(whole.subarray(0, length), 0, 0, length)).toMatchObject({ broken: "cut" });
    }
  });
});

test("every other opcode is damage", () => {
  for (let opcode = 10; opcode < 256; opcode++) {
    const broken = { broken: "damaged", reason: `${opcode} is no opcode` };
    expect(decodeRecord(Buffer.alloc(100, opcode), 0, 0, 100)).toEqual(broken);
  }
});

test.each([
  ["ADD", "00 03 00 00 00", 3],
  ["ADD", "00 00 00 00 80", -2_147_483_648],
  ["ADDX", "02 0f 00 00 00", 15],
  ["ADDX", "02 ff ff ff ff", -1],
  ["ADD_XID", "07 01 00 00 00 00 00 00 00", 0],
  ["CONTINUE", "08 01 00 00 00 0f 00 00 00", 15],
])("an %s whose size can't be", (_, text, size) => {
  const file = Buffer.concat([bytes(text), Buffer.alloc(100)]);
  expect(decodeRecord(file, 0, 0, file.length)).toEqual({
    broken: "damaged",
    reason: `an item can't have a size of ${size}`,
  });
});

test("a size that the file can't hold is a cut, and allocates nothing", () => {
  const file = Buffer.concat([bytes("02 ff ff ff 7f"), Buffer.alloc(100)]);
  expect(decodeRecord(file, 0, 0, file.length)).toEqual({
    broken: "cut",
    reason: "a record of 2147483652 bytes, and the file ends after 105 of them",
  });
});

test("times that no number can hold become the farthest that one can", () => {
  const far = bytes("02 10 00 00 00 00 00 00 00 00 00 00 80 ff ff ff ff ff ff ff 7f");
  expect(decodeRecord(far, 0, 0, far.length)).toMatchObject({
    addTimeMs: Number.MIN_SAFE_INTEGER,
    expiryMs: Number.MAX_SAFE_INTEGER,
  });
});

test("what is written is read again", () => {
  const item = fc.record({
    data: fc.uint8Array().map((data) => Buffer.from(data)),
    addTimeMs: fc.maxSafeInteger(),
    expiryMs: fc.maxSafeInteger(),
  });
  const id = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(item, id, (item, id) => {
      const { addTimeMs, expiryMs, data } = item;
      const add = Buffer.concat([encodeAdd(item, id), data]);
      const size = add.length;
      const times = { addTimeMs, expiryMs };
      expect(decodeRecord(add, 0, 0, size)).toEqual({
        operation: "add",
        offset: 0,
        size,
        id,
        dataSize: data.length,
        ...times,
      });
      expect(decodeRecord(encodeOpen(id), 0, 0, 5)).toMatchObject({ operation: "open", id });
      expect(decodeRecord(encodeSaveId(id), 0, 0, 5)).toMatchObject({ operation: "save-id", id });
    }),
  );
});
