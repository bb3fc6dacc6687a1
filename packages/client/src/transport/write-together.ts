// Frames of one turn of the event loop, to the socket in one system call.

import type { Socket } from "node:net";

/** Frames that are smaller together are joined: cheaper than many buffers in one call. */
const JOINED_BYTES_MAX = 64 * 1024;

export function writeTogether(socket: Socket, frames: readonly Buffer[]): void {
  const [first] = frames;
  if (first === undefined) return;
  let size = 0;
  for (const { length } of frames) size += length;
  if (frames.length === 1) {
    socket.write(first);
  } else if (size <= JOINED_BYTES_MAX) {
    socket.write(Buffer.concat(frames, size));
  } else {
    socket.cork();
    for (const frame of frames) socket.write(frame);
    socket.uncork();
  }
}
