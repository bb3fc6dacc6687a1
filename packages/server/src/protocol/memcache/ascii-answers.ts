/** Replies as lines of the memcache ASCII protocol. */
import type { KestrelError, KestrelErrorCode } from "../../errors.ts";
import type { ItemView } from "../../journal/item-view.ts";
import type { Refusal } from "../../session/request.ts";
import type { Statistic, StatisticGroup } from "../../stats/statistic.ts";
import type { Output } from "../output.ts";
import type { Key } from "./key.ts";

const line = (text: string): Buffer => Buffer.from(`${text}\r\n`, "latin1");

export const stored: Buffer = line("STORED");
export const end: Buffer = line("END");
export const error: Buffer = line("ERROR");
export const clientError: Buffer = line("CLIENT_ERROR");
export const badDataChunk: Buffer = line("CLIENT_ERROR bad data chunk");
export const lineTooLong: Buffer = line("CLIENT_ERROR line too long");
export const deleted: Buffer = line("DELETED");
export const flushedAll: Buffer = line("Flushed all queues.");
export const reloaded: Buffer = line("Reloaded config.");
export const unauthenticated: Buffer = line("CLIENT_ERROR unauthenticated");
export const nothing: Buffer = Buffer.alloc(0);
export const ok: Buffer = line("OK");

const crlf = line("");
const value = Buffer.from("VALUE ");
const space = Buffer.from(" ");

export const refusals: Readonly<Record<Refusal, Buffer>> = {
  full: line("NOT_STORED"),
  "too-large": line("NOT_STORED"),
  // Not a queue's rule but the server's bound: memcached's words for it, which stock clients know.
  "over-limit": line("SERVER_ERROR object too large for cache"),
};

/** How an error is told. Kestrel's own errors are a bare word. */
const errors: Readonly<Record<KestrelErrorCode, { word: string; hasMessage: boolean; isLast: boolean }>> = {
  "bad-name": { word: "CLIENT_ERROR", hasMessage: true, isLast: false },
  "bad-request": { word: "CLIENT_ERROR", hasMessage: false, isLast: true },
  "read-open": { word: "ERROR", hasMessage: false, isLast: true },
  "too-many-open": { word: "ERROR", hasMessage: false, isLast: true },
  unavailable: { word: "SERVER_ERROR", hasMessage: false, isLast: true },
  unauthenticated: { word: "CLIENT_ERROR", hasMessage: true, isLast: false },
  forbidden: { word: "CLIENT_ERROR", hasMessage: true, isLast: false },
  disk: { word: "SERVER_ERROR", hasMessage: true, isLast: false },
  memory: { word: "SERVER_ERROR", hasMessage: true, isLast: false },
};

/** `VALUE <queue> <flags> <size>[ <id>]` and the data; no END. */
export function renderItem(output: Output, key: Key, item: ItemView, hasId: boolean): void {
  output.constant(value);
  output.constant(key.queueBytes);
  output.constant(space);
  output.decimal(item.flags);
  output.constant(space);
  output.decimal(item.end - item.start);
  if (hasId) {
    output.constant(space);
    output.decimal(item.id);
  }
  output.constant(crlf);
  output.data(item.buffer, item.start, item.end);
  output.constant(crlf);
}

/** True: the connection has to end. */
export function renderError(output: Output, { code, message }: KestrelError): boolean {
  const { word, hasMessage, isLast } = errors[code];
  renderLine(output, hasMessage ? `${word} ${message}` : word);
  return isLast;
}

/** One line, whatever the text holds: a message may quote what a client sent. */
export function renderLine(output: Output, text: string): void {
  output.text(`${text.replace(/\p{Cc}/gu, "?")}\r\n`);
}

export function renderStatistics(output: Output, statistics: readonly Statistic[]): void {
  renderLines(output, [...statistics.map(([name, value]) => `STAT ${name} ${value}`), "END"]);
}

/** `queue '<name>' {`, indented `name=value` lines, `}`; then END. */
export function renderGroups(output: Output, groups: readonly StatisticGroup[]): void {
  const lines = groups.flatMap(({ queue, statistics }) => [
    `queue '${queue}' {`,
    ...statistics.map(([name, value]) => `  ${name}=${value}`),
    "}",
  ]);
  renderLines(output, [...lines, "END"]);
}

/** Long reports are not copied once more. */
function renderLines(output: Output, lines: readonly string[]): void {
  const bytes = Buffer.from(`${lines.join("\r\n")}\r\n`);
  output.data(bytes, 0, bytes.length);
}
