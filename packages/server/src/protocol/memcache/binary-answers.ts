/** Replies as frames of the memcache binary protocol. */
import type { KestrelErrorCode } from "../../errors.ts";
import type { ItemView } from "../../journal/item-view.ts";
import type { Refusal } from "../../session/request.ts";
import type { Statistic } from "../../stats/statistic.ts";
import type { Output } from "../output.ts";
import { renderHeader, status, writeUint32 } from "./binary-frame.ts";

/** The texts that memcached puts into answers without success. */
export const texts = {
  notFound: "Not found",
  tooLarge: "Too large.",
  invalid: "Invalid arguments",
  notStored: "Not stored.",
  unknownCommand: "Unknown command",
  authError: "Auth failure.",
  authenticated: "Authenticated",
} as const;

export const refusals: Readonly<Record<Refusal, { status: number; text: string }>> = {
  full: { status: status.notStored, text: texts.notStored },
  "too-large": { status: status.tooLarge, text: texts.tooLarge },
  "over-limit": { status: status.tooLarge, text: texts.tooLarge },
};

/** The text is the error's own message. */
export const errors: Readonly<Record<KestrelErrorCode, { status: number; isLast: boolean }>> = {
  "bad-name": { status: status.invalid, isLast: false },
  "bad-request": { status: status.invalid, isLast: true },
  "read-open": { status: status.invalid, isLast: true },
  "too-many-open": { status: status.invalid, isLast: true },
  unavailable: { status: status.unavailable, isLast: false },
  unauthenticated: { status: status.authError, isLast: true },
  forbidden: { status: status.forbidden, isLast: false },
  disk: { status: status.outOfMemory, isLast: false },
  memory: { status: status.outOfMemory, isLast: false },
};

const flagsSize = 4;

/** `key`: empty if it is not to be echoed. */
export function renderItem(
  output: Output,
  opcode: number,
  opaque: number,
  key: Buffer,
  item: ItemView,
): void {
  const size = item.end - item.start;
  renderHeader(output, opcode, status.ok, opaque, key.length, flagsSize, size, item.id);
  const at = output.reserve(flagsSize);
  writeUint32(output.bytes, at, item.flags);
  output.constant(key);
  output.data(item.buffer, item.start, item.end);
}

/** A frame for each, and an empty one behind them. */
export function renderStatistics(
  output: Output,
  opcode: number,
  opaque: number,
  statistics: readonly Statistic[],
): void {
  for (const [name, value] of statistics) {
    const text = String(value);
    renderHeader(output, opcode, status.ok, opaque, Buffer.byteLength(name), 0, Buffer.byteLength(text), 0);
    output.text(name);
    output.text(text);
  }
  renderHeader(output, opcode, status.ok, opaque, 0, 0, 0, 0);
}
