/**
 * Items in a file, one JSON object a line: `{"data":"text"}`, or `{"base64":"…"}` for bytes that are no text;
 * `flags` with it where a producer has set them. What `kq dump` writes and `kq load` reads. A line without its line
 * feed was never finished, and doesn't count.
 */
import { isUtf8 } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";

export interface FileItem {
  data: Buffer;
  /** What the producer's client stored beside the data. */
  flags: number;
}

/** One line, with its line feed. */
export function renderItemLine({ data, flags }: FileItem): string {
  const value = isUtf8(data) ? { data: data.toString("utf8") } : { base64: data.toString("base64") };
  return `${JSON.stringify(flags === 0 ? value : { ...value, flags })}\n`;
}

/** The item of one line, without its line feed; undefined when it is no such line. */
export function parseItemLine(line: Buffer): FileItem | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { data, base64, flags = 0 } = value as Record<string, unknown>;
  if (typeof flags !== "number") return undefined;
  if (typeof data === "string") return { data: Buffer.from(data, "utf8"), flags };
  return typeof base64 === "string" ? { data: Buffer.from(base64, "base64"), flags } : undefined;
}

const chunkSize = 64 * 1024;
const lineFeed = 10;

/** Cuts off a last line that has no line feed: the item of a run that was cut short. The file need not exist. */
export async function cutUnfinishedLine(path: string): Promise<void> {
  const file = await open(path, "a+");
  try {
    const { size } = await file.stat();
    const end = await endOfLastLine(file, size);
    if (end < size) await file.truncate(end);
  } finally {
    await file.close();
  }
}

async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const chunk = Buffer.alloc(chunkSize);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkSize);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const index = chunk.subarray(0, bytesRead).lastIndexOf(lineFeed);
    if (index !== -1) return start + index + 1;
    end = start;
  }
  return 0;
}
