/** What `describeLog` tells, as lines for people: the place in the file in hexadecimal digits, then the words. */

import { isUtf8 } from "node:buffer";
import path from "node:path";
import type { DescribedLogRecord, LogEntry } from "./describe-log.ts";

/** One line. Files are told relative to `folder`. */
export function renderLogEntry(entry: LogEntry, folder: string): string {
  const { offset, size } = entry;
  switch (entry.kind) {
    case "segment": {
      const state = entry.isClosed ? "closed" : "open";
      const magic = entry.hasMagic ? "" : ", does not begin with KESTREL3";
      const place = path.relative(folder, entry.path);
      return `${place}  segment ${entry.number}, from item ${entry.firstId}, ${size} bytes, ${state}${magic}`;
    }
    case "frame":
      return `${hex(offset)}  frame of ${size} bytes`;
    case "record":
      return `${hex(offset)}    ${renderRecord(entry.record)}`;
    case "damaged":
      return `${hex(offset)}  DAMAGED: ${size} bytes do not check`;
    case "torn":
      return `${hex(offset)}  TORN: the last ${size} bytes do not check, as a write that was cut short`;
    case "stale":
      return `${hex(offset)}  end mark; ${size} bytes of what the file held before`;
    case "footer":
      return `${hex(offset)}  footer of ${size} bytes`;
    case "other":
      return `${path.relative(folder, entry.path)}  no segment, ${size} bytes`;
  }
}

function renderRecord(record: DescribedLogRecord): string {
  switch (record.type) {
    case "put": {
      const parts = [`put ${record.id}, ${record.dataSize} bytes, added ${time(record.addTimeMs)}`];
      if (record.expiryMs !== 0) parts.push(`expires ${time(record.expiryMs)}`);
      if (record.flags !== 0) parts.push(`flags ${record.flags}`);
      if (record.audience === "fanouts") parts.push("for fanouts");
      else if (record.audience !== "everyone") parts.push(`for reader ${record.audience}`);
      return record.data === null ? parts.join(", ") : `${parts.join(", ")}: ${renderData(record.data)}`;
    }
    case "done":
      return `reader ${record.reader} done: ${ids(record.ids)}, items ${record.items}, bytes ${record.bytes}`;
    case "reader-added":
      return `reader ${record.reader} added: ${name(record.name)}, from item ${record.firstId}`;
    case "reader-removed":
      return `reader ${record.reader} removed`;
    case "reader-state": {
      const { number, items, bytes, done } = record;
      return `reader ${number} is ${name(record.name)}: items ${items}, bytes ${bytes}, done ${ids(done)}`;
    }
    case "segment": {
      const { queueName, createdMs, isRewritten } = record;
      const rewritten = isRewritten ? ", rewritten" : "";
      return `journal of ${JSON.stringify(queueName)}, created ${time(createdMs)}${rewritten}`;
    }
    case "index": {
      const { items, bytes, firstId, nextId, chunks } = record;
      const places = chunks.map((chunk) => `${hex(chunk.offset)}+${chunk.size} from ${chunk.firstId}`);
      const range = ids([[firstId, nextId]]);
      return `index: ids ${range}, items ${items}, bytes ${bytes}, chunks ${places.join(", ") || "none"}`;
    }
    case "unknown":
      return `record of unknown type ${record.code}`;
  }
}

/** A fanout's name, or that it is the queue itself. */
function name(readerName: string): string {
  return readerName === "" ? "the queue" : `fanout ${JSON.stringify(readerName)}`;
}

/** Half-open ranges as people write them: `1-3, 7`. */
function ids(ranges: readonly (readonly [from: number, to: number])[]): string {
  const texts = ranges.filter(([from, to]) => to > from).map(([from, to]) => span(from, to - 1));
  return texts.length === 0 ? "none" : texts.join(", ");
}

function span(first: number, last: number): string {
  return first === last ? String(first) : `${first}-${last}`;
}

/** Text as a JSON string; other bytes as base64, without quotes. */
function renderData(data: Buffer): string {
  return isUtf8(data) ? JSON.stringify(data.toString("utf8")) : `base64 ${data.toString("base64")}`;
}

/** As written by a damaged clock it may be no date that JavaScript knows. */
function time(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

function hex(offset: number): string {
  return offset.toString(16).padStart(8, "0");
}
