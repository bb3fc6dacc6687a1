/**
 * Items on their way to standard output. An item counts as delivered when the operating system has it; only
 * then may its reader confirm it.
 */
import { isUtf8 } from "node:buffer";
import type { Sink } from "../surroundings.ts";
import { writeOut } from "../terminal/writing.ts";

/** `lines`: the bytes and a line feed. `raw`: the bytes alone. `json`: an object a line, with queue and node. */
export type ItemForm = "lines" | "raw" | "json";

export interface DeliveredItem {
  data: Buffer;
  node: string;
  queue: string;
}

const lineFeed = Buffer.from("\n");

/** Resolves when the item is out. Rejects with OutputClosed when nobody reads any more. */
export function deliver(sink: Sink, item: DeliveredItem, form: ItemForm): Promise<void> {
  return writeOut(sink, renderItem(item, form));
}

function renderItem(item: DeliveredItem, form: ItemForm): Buffer | string {
  if (form === "raw") return item.data;
  if (form === "lines") return Buffer.concat([item.data, lineFeed]);
  // Bytes that are no text would not survive a JSON string.
  const data = isUtf8(item.data)
    ? { data: item.data.toString("utf8") }
    : { base64: item.data.toString("base64") };
  return `${JSON.stringify({ queue: item.queue, node: item.node, ...data })}\n`;
}
