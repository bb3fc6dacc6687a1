/**
 * Writing to a stream and knowing that it is out: the promise settles when the stream has passed the bytes
 * on to the operating system, not when it has merely buffered them.
 */
import type { Writable } from "node:stream";
import { OutputClosed } from "../exit-code.ts";

/** Resolves when `data` is out. Rejects with OutputClosed when the reader is gone, else with the stream's error. */
export function writeOut(sink: Writable, data: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => {
    sink.write(data, (error) => {
      if (error == null) resolve();
      else reject(isClosedOutput(error) ? new OutputClosed() : error);
    });
  });
}

function isClosedOutput(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED" || code === "ERR_STREAM_WRITE_AFTER_END";
}
