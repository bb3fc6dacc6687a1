/**
 * Cuts a byte stream into lines: one array of lines per chunk, so that a hundred thousand short lines do not
 * cost as many turns of the event loop. Bytes are untouched; only the line feed is taken away. An unfinished
 * last line counts as a line. A line longer than the limit is an error: it could not become an item anyway.
 */
import type { Readable } from "node:stream";
import { CommandError } from "../exit-code.ts";

const lineFeed = 10;

/** Lines of `stream`; the buffers may share memory with each other but are never written to again. */
export async function* readLines(stream: Readable, lineBytesMax: number): AsyncGenerator<Buffer[]> {
  const unfinished: Buffer[] = [];
  let unfinishedSize = 0;
  for await (const piece of stream) {
    const chunk: Buffer = typeof piece === "string" ? Buffer.from(piece) : piece;
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      let line = chunk.subarray(start, end);
      if (unfinished.length > 0) {
        line = Buffer.concat([...unfinished, line]);
        unfinished.length = 0;
        unfinishedSize = 0;
      }
      if (line.length > lineBytesMax) throw tooLong(lineBytesMax);
      lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) {
      unfinished.push(chunk.subarray(start));
      unfinishedSize += chunk.length - start;
      if (unfinishedSize > lineBytesMax) throw tooLong(lineBytesMax);
    }
    if (lines.length > 0) yield lines;
  }
  if (unfinished.length > 0) yield [Buffer.concat(unfinished)];
}

/** All of `stream` as one buffer, at most `bytesMax`. */
export async function readWhole(stream: Readable, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const piece of stream) {
    const chunk: Buffer = typeof piece === "string" ? Buffer.from(piece) : piece;
    chunks.push(chunk);
    size += chunk.length;
    if (size > bytesMax) throw tooLong(bytesMax);
  }
  return Buffer.concat(chunks);
}

function tooLong(bytesMax: number): CommandError {
  return new CommandError(
    `an item of the input is larger than ${bytesMax} bytes, the most that a queue takes`,
  );
}
