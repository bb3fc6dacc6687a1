// What users put, as it is sent.

import type { ItemData } from "./call-options.ts";
import { withoutRetries } from "./consumer/attempts.ts";
import { KestrelClientError } from "./errors.ts";

/** The bytes of an item, not copied. Throws `bad-request` on anything but bytes and text. */
export function itemBytesOf(data: ItemData): Buffer {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw new KestrelClientError("bad-request", "an item's data must be a Buffer, a Uint8Array or a string");
}

/** The flags of an item. Throws `bad-request` when they are no 32 bits, or use those that are ours. */
export function itemFlagsOf(flags = 0): number {
  if (Number.isInteger(flags) && flags >= 0 && flags <= 0xffff_ffff && withoutRetries(flags) === flags)
    return flags;
  throw new KestrelClientError("bad-request", `flags must be 32 bits of which 16 to 23 are 0, not ${flags}`);
}
