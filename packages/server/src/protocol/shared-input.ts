/**
 * Sockets that all receive into one buffer. By itself Node gives each chunk a new buffer of 64 KB, cut down to what
 * arrived: for small requests that is a fifth of the server's time, most of it spent collecting garbage, and 64 KB
 * are touched for every byte. Node offers one's own buffer (`onread`) to sockets that connect, but not to those
 * that a server accepts; so an accepted socket's handle is moved into a new socket. Where that can't be done,
 * `data` events do the same.
 */
import { Socket } from "node:net";

/** Nothing of `input` may be used after it returns. */
export type Receive = (input: Buffer, size: number) => void;

/** Large enough that big items come in few pieces. */
const sharedBytes = 256 * 1024;
const shared: Buffer = Buffer.allocUnsafeSlow(sharedBytes);

interface WithHandle {
  _handle?: object | null;
}

/** Takes over a socket that was accepted paused, and begins to read. */
export function receiveShared(accepted: Socket, receive: Receive): Socket {
  const source = accepted as WithHandle;
  const handle = source._handle;
  if (handle === undefined || handle === null) return receiveChunks(accepted, receive);
  source._handle = null;
  accepted.destroy();
  const callback = (size: number): boolean => {
    receive(shared, size);
    return true;
  };
  const options = { handle, allowHalfOpen: accepted.allowHalfOpen, onread: { buffer: shared, callback } };
  return new Socket(options);
}

/** The same for sockets whose handle does not give what was sent: those with TLS. */
export function receiveChunks(accepted: Socket, receive: Receive): Socket {
  accepted.on("data", (chunk) => receive(chunk, chunk.length));
  return accepted.resume();
}
