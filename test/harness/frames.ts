/**
 * Frames of the memcache binary protocol in words, for transcripts:
 *
 *     get key=q opaque=7                  a request; fields left out are empty or 0
 *     set key=q flags=5 expiry=0 value=x  flags and expiry make the extras of a set
 *     get flags=5 value=x                 an answer; status and opaque left out are 0
 *     set status=3 value=* cas=*          * stands for anything
 *
 * Further fields: extras=<hex> in their place, body-size, key-size and extras-size to announce something false,
 * op=<hex> as the name of an operation without one.
 */

import { readBytes } from "./notation.ts";
import { type Matcher, Mismatch, show } from "./wire-session.ts";

/** Bytes of the header:  magic 1 | op 1 | key size 2 | extras size 1 | type 1 | status 2 | body size 4 | opaque 4 | cas 8 */
const headerSize = 24;

// biome-ignore format: one look shows the table
const operations: Record<string, number> = {
  get: 0x00, set: 0x01, add: 0x02, replace: 0x03, delete: 0x04, increment: 0x05, quit: 0x07, flush: 0x08,
  getq: 0x09, noop: 0x0a, version: 0x0b, getk: 0x0c, getkq: 0x0d, append: 0x0e, prepend: 0x0f, stat: 0x10,
  setq: 0x11, deleteq: 0x14, quitq: 0x17, flushq: 0x18, verbosity: 0x1b, touch: 0x1c, gat: 0x1d,
  "sasl-list": 0x20, "sasl-auth": 0x21, "sasl-step": 0x22,
};

interface Fields {
  op: number;
  fields: Map<string, string>;
}

/** The request that the words describe. */
export function parseFrame(words: string): Buffer {
  const { op, fields } = parseFields(words);
  const key = readBytes(fields.get("key") ?? "");
  const value = readBytes(fields.get("value") ?? "");
  const extras = extrasOf(fields, ["flags", "expiry"], op === operations.set || op === operations.setq);
  const frame = Buffer.concat([Buffer.alloc(headerSize), extras, key, value]);
  frame[0] = Number(fields.get("magic") ?? 0x80);
  frame[1] = op;
  frame.writeUInt16BE(Number(fields.get("key-size") ?? key.length), 2);
  frame[4] = Number(fields.get("extras-size") ?? extras.length);
  frame.writeUInt32BE(Number(fields.get("body-size") ?? frame.length - headerSize), 8);
  frame.writeUInt32BE(Number(fields.get("opaque") ?? 0), 12);
  return frame;
}

/** Matches the answer that the words describe. */
export function frameMatcher(words: string): Matcher {
  const { op, fields } = parseFields(words);
  return (received, offset) => {
    if (received.length - offset < headerSize) return undefined;
    const frame = received.subarray(offset);
    const end = headerSize + frame.readUInt32BE(8);
    const fail = (what: string): never => {
      throw new Mismatch(`expected ${words}: ${what} is different in ${show(frame)}`);
    };
    if (frame[0] !== 0x81) fail("magic");
    if (frame[1] !== op) fail("operation");
    const isAny = (name: string): boolean => fields.get(name) === "*";
    if (!isAny("status") && frame.readUInt16BE(6) !== Number(fields.get("status") ?? 0)) fail("status");
    if (frame.readUInt32BE(12) !== Number(fields.get("opaque") ?? 0)) fail("opaque");
    if (frame.length < end) return undefined;
    const keyStart = headerSize + frame[4]!;
    const valueStart = keyStart + frame.readUInt16BE(2);
    const expectBytes = (name: string, actual: Buffer, expected: Buffer): void => {
      if (!isAny(name) && !actual.equals(expected)) fail(name);
    };
    expectBytes("extras", frame.subarray(headerSize, keyStart), extrasOf(fields, ["flags"], false));
    expectBytes("key", frame.subarray(keyStart, valueStart), readBytes(fields.get("key") ?? ""));
    expectBytes("value", frame.subarray(valueStart, end), readBytes(fields.get("value") ?? ""));
    if (!isAny("cas") && frame.readBigUInt64BE(16) !== BigInt(fields.get("cas") ?? 0)) fail("cas");
    return offset + end;
  };
}

function parseFields(words: string): Fields {
  const [name, ...rest] = words.split(" ").filter((word) => word !== "");
  const fields = new Map(rest.map((word) => word.split(/=(.*)/s).slice(0, 2) as [string, string]));
  const op = name?.startsWith("op=") ? Number.parseInt(name.slice(3), 16) : operations[name ?? ""];
  if (op === undefined) throw new Error(`no binary operation is called ${name}`);
  return { op, fields };
}

/** The extras: given in hex, or 32-bit numbers of those names, all of them when `isWhole`, else those given. */
function extrasOf(fields: Map<string, string>, names: string[], isWhole: boolean): Buffer {
  const hex = fields.get("extras");
  if (hex !== undefined) return Buffer.from(hex === "*" ? "" : hex, "hex");
  const extras = names
    .filter((name) => isWhole || fields.has(name))
    .map((name) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(Number(fields.get(name) ?? 0) >>> 0);
      return bytes;
    });
  return Buffer.concat(extras);
}
