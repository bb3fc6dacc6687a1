/** An item of a queue as JSON: its data as text where it is text, otherwise in base64. */
import { isUtf8 } from "node:buffer";
import type { BrowsedItem } from "../queue/browse.ts";

export function renderItem(item: BrowsedItem): object {
  const { id, flags, addTimeMs, expiryMs, size, data } = item;
  const isCut = data.length < size;
  const whole = isCut ? data.subarray(0, wholeCharacters(data)) : data;
  return {
    id,
    flags,
    putAtMs: addTimeMs,
    expiresAtMs: expiryMs === 0 ? null : expiryMs,
    size,
    isCut,
    ...(isUtf8(whole) ? { text: whole.toString("utf8") } : { base64: data.toString("base64") }),
  };
}

/** How long these bytes are without a character that the cut has left incomplete at their end. */
function wholeCharacters(data: Buffer): number {
  let start = data.length - 1;
  while (start >= 0 && data.length - start < 4 && (data[start]! & 0xc0) === 0x80) start--;
  const first = data[start] ?? 0;
  const needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return start >= 0 && data.length - start < needed ? start : data.length;
}
