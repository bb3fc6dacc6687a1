/**
 * Frames of the memcache binary protocol. Numbers are big-endian.
 *
 *      0 magic      1 opcode        2 key size (2)
 *      4 extras size 5 data type    6 vbucket of a request, status of an answer (2)
 *      8 body size (4): extras, key and value
 *     12 opaque (4): comes back as it went
 *     16 cas (8): in our answers the item's id
 *     24 extras, key, value
 */
import type { Output } from "../output.ts";

export const requestMagic = 0x80;
const answerMagic = 0x81;
export const headerSize = 24;

export type Action =
  | "get"
  | "put"
  | "delete"
  | "flush-all"
  | "noop"
  | "version"
  | "stats"
  | "verbosity"
  | "quit"
  | "sasl-list"
  | "sasl-auth"
  | "sasl-step";

/** What one may do who has not said yet who it is. */
export const openActions: readonly Action[] = ["version", "quit", "sasl-list", "sasl-auth", "sasl-step"];

export interface Operation {
  readonly action: Action;
  /** Success without an item is not answered. */
  readonly isQuiet: boolean;
  /** The key comes back with the item, and in place of the text when there is none. */
  readonly echoesKey: boolean;
  readonly extrasSizes: readonly number[];
  readonly key: "needed" | "none" | "optional";
  readonly hasValue: boolean;
}

function operation(action: Action, isQuiet: boolean, shape: Partial<Operation> = {}): Operation {
  return { action, isQuiet, echoesKey: false, extrasSizes: [0], key: "none", hasValue: false, ...shape };
}

const loud = false;
const quiet = true;
const putShape: Partial<Operation> = { extrasSizes: [8], key: "needed", hasValue: true };

/** By opcode. What is not here is an unknown command. */
export const operations: readonly (Operation | undefined)[] = Object.assign(
  new Array<Operation | undefined>(256),
  {
    0: operation("get", loud, { key: "needed" }),
    1: operation("put", loud, putShape),
    4: operation("delete", loud, { key: "needed" }),
    7: operation("quit", loud),
    8: operation("flush-all", loud, { extrasSizes: [0, 4] }),
    9: operation("get", quiet, { key: "needed" }),
    10: operation("noop", loud),
    11: operation("version", loud),
    12: operation("get", loud, { key: "needed", echoesKey: true }),
    13: operation("get", quiet, { key: "needed", echoesKey: true }),
    16: operation("stats", loud, { key: "optional" }),
    17: operation("put", quiet, putShape),
    20: operation("delete", quiet, { key: "needed" }),
    23: operation("quit", quiet),
    24: operation("flush-all", quiet, { extrasSizes: [0, 4] }),
    27: operation("verbosity", loud, { extrasSizes: [4] }),
    32: operation("sasl-list", loud),
    33: operation("sasl-auth", loud, { key: "needed", hasValue: true }),
    34: operation("sasl-step", loud, { key: "needed", hasValue: true }),
  },
);

export const status = {
  ok: 0x00,
  notFound: 0x01,
  tooLarge: 0x03,
  invalid: 0x04,
  notStored: 0x05,
  /** memcached's word is "authentication error", too; but clients don't end the connection for it. */
  forbidden: 0x08,
  authError: 0x20,
  unknownCommand: 0x81,
  outOfMemory: 0x82,
  internalError: 0x84,
  unavailable: 0x86,
} as const;

/** Writes an answer's header; extras, key and value of these sizes have to follow. */
export function renderHeader(
  output: Output,
  opcode: number,
  status: number,
  opaque: number,
  keySize: number,
  extrasSize: number,
  valueSize: number,
  id: number,
): void {
  const at = output.reserve(headerSize);
  const { bytes } = output;
  bytes[at] = answerMagic;
  bytes[at + 1] = opcode;
  bytes[at + 2] = keySize >>> 8;
  bytes[at + 3] = keySize;
  bytes[at + 4] = extrasSize;
  bytes[at + 5] = 0;
  bytes[at + 6] = status >>> 8;
  bytes[at + 7] = status;
  writeUint32(bytes, at + 8, extrasSize + keySize + valueSize);
  writeUint32(bytes, at + 12, opaque);
  writeUint32(bytes, at + 16, Math.floor(id / 0x1_0000_0000));
  writeUint32(bytes, at + 20, id);
}

/** A frame without extras and key. */
export function renderText(
  output: Output,
  opcode: number,
  status: number,
  opaque: number,
  text: string,
): void {
  renderHeader(output, opcode, status, opaque, 0, 0, Buffer.byteLength(text), 0);
  if (text !== "") output.text(text);
}

/** Also takes what is beyond 32 bits, and writes the lower 32. */
export function writeUint32(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readUint32(bytes: Buffer, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
