/**
 * One record of a Kestrel 2.x journal: little-endian, an opcode of one byte, then what it says.
 *
 *     0 ADD                  i32 size, i32 expiry s,             data (size - 4)
 *     1 REMOVE
 *     2 ADDX                 i32 size, i64 added ms, i64 expiry ms, data (size - 16)
 *     3 REMOVE_TENTATIVE
 *     4 SAVE_XID             i32 id
 *     5 UNREMOVE             i32 id
 *     6 CONFIRM_REMOVE       i32 id
 *     7 ADD_XID              i32 id, then as ADDX
 *     8 CONTINUE             i32 id, then as ADDX
 *     9 REMOVE_TENTATIVE_XID i32 id
 *
 * Nothing but the opcode tells where a record ends, and no checksum tells whether it is right: behind a byte
 * that is no opcode the rest of a file can't be read.
 */

/**
 * What became of the queue: an item put at its end, its head removed, its head opened under an id, the last
 * used id set, an open item put back as the head, an open item confirmed, and confirm and put in one.
 */
export type Operation = "add" | "remove" | "open" | "save-id" | "abort" | "confirm" | "continue";

export interface JournalRecord {
  readonly operation: Operation;
  /** Where it begins in its file. */
  readonly offset: number;
  /** All of it, in bytes. The data, if any, are the last of them. */
  readonly size: number;
  /** The id that it names; 0 when it names none. */
  readonly id: number;
  readonly dataSize: number;
  /** Null where the oldest form, ADD, doesn't tell. */
  readonly addTimeMs: number | null;
  /** Absolute; 0: never. */
  readonly expiryMs: number;
}

/** An item of a queue, as a journal means it. */
export interface Kestrel2Item {
  readonly data: Buffer;
  readonly addTimeMs: number;
  /** Absolute; 0: never. */
  readonly expiryMs: number;
}

/** The file ends inside this record, or this is no record. */
export interface BrokenRecord {
  readonly broken: "cut" | "damaged";
  readonly reason: string;
}

/** A record but its data is never longer than this. */
export const headerSizeMax = 25;

/** By opcode. `fixedSize`: what of the size that is written down is no data. */
const forms: readonly { operation: Operation; headerSize: number; hasId: boolean; fixedSize: 0 | 4 | 16 }[] =
  [
    { operation: "add", headerSize: 9, hasId: false, fixedSize: 4 },
    { operation: "remove", headerSize: 1, hasId: false, fixedSize: 0 },
    { operation: "add", headerSize: 21, hasId: false, fixedSize: 16 },
    { operation: "open", headerSize: 1, hasId: false, fixedSize: 0 },
    { operation: "save-id", headerSize: 5, hasId: true, fixedSize: 0 },
    { operation: "abort", headerSize: 5, hasId: true, fixedSize: 0 },
    { operation: "confirm", headerSize: 5, hasId: true, fixedSize: 0 },
    { operation: "add", headerSize: 25, hasId: true, fixedSize: 16 },
    { operation: "continue", headerSize: 25, hasId: true, fixedSize: 16 },
    { operation: "open", headerSize: 5, hasId: true, fixedSize: 0 },
  ];

/**
 * Reads the record at `start` of `bytes`, which is at `offset` of a file of `fileSize`. From there `bytes` must
 * hold `headerSizeMax` bytes or the rest of the file. The data need not be in `bytes`: nothing is allocated for
 * a size that the file can't hold.
 */
export function decodeRecord(
  bytes: Buffer,
  start: number,
  offset: number,
  fileSize: number,
): JournalRecord | BrokenRecord {
  const opcode = bytes[start]!;
  const form = forms[opcode];
  if (form === undefined) return { broken: "damaged", reason: `${opcode} is no opcode` };
  const { operation, headerSize, hasId, fixedSize } = form;
  const sizeLeft = fileSize - offset;
  if (sizeLeft < headerSize) return cut(headerSize, sizeLeft);
  const id = hasId ? bytes.readInt32LE(start + 1) : 0;
  if (fixedSize === 0) {
    return { operation, offset, size: headerSize, id, dataSize: 0, addTimeMs: null, expiryMs: 0 };
  }
  const sizeField = bytes.readInt32LE(start + (hasId ? 5 : 1));
  if (sizeField < fixedSize) {
    return { broken: "damaged", reason: `an item can't have a size of ${sizeField}` };
  }
  const dataSize = sizeField - fixedSize;
  const size = headerSize + dataSize;
  if (sizeLeft < size) return cut(size, sizeLeft);
  const isOldest = fixedSize === 4;
  return {
    operation,
    offset,
    size,
    id,
    dataSize,
    addTimeMs: isOldest ? null : readTime(bytes, start + headerSize - 16),
    expiryMs: isOldest ? bytes.readInt32LE(start + 5) * 1000 : readTime(bytes, start + headerSize - 8),
  };
}

function cut(size: number, sizeLeft: number): BrokenRecord {
  return { broken: "cut", reason: `a record of ${size} bytes, and the file ends after ${sizeLeft} of them` };
}

/** Times that no number can hold exactly are some hundred thousand years away; they become the farthest it can. */
function readTime(bytes: Buffer, start: number): number {
  const time = bytes.readInt32LE(start + 4) * 2 ** 32 + bytes.readUInt32LE(start);
  return Math.min(Math.max(time, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** ADDX, or with an id ADD_XID, without the data that follow it. */
export function encodeAdd(item: Kestrel2Item, id = 0): Buffer {
  const header = Buffer.allocUnsafe(id === 0 ? 21 : 25);
  header[0] = id === 0 ? 2 : 7;
  if (id !== 0) header.writeInt32LE(id, 1);
  header.writeInt32LE(item.data.length + 16, header.length - 20);
  header.writeBigInt64LE(BigInt(item.addTimeMs), header.length - 16);
  header.writeBigInt64LE(BigInt(item.expiryMs), header.length - 8);
  return header;
}

/** REMOVE_TENTATIVE_XID: opens the head under this id. */
export function encodeOpen(id: number): Buffer {
  return encodeId(9, id);
}

/** SAVE_XID: sets the last used id. */
export function encodeSaveId(id: number): Buffer {
  return encodeId(4, id);
}

function encodeId(opcode: number, id: number): Buffer {
  const record = Buffer.allocUnsafe(5);
  record[0] = opcode;
  record.writeInt32LE(id, 1);
  return record;
}
