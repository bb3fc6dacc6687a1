/**
 * Receiving into one buffer that all sockets of the process share, instead of one of 64 KB that Node would allocate for
 * each read: for small requests that is a fifth of the server's time, most of it spent collecting garbage, and 64 KB
 * are touched for every byte. What comes of a large item is read right into the item's own memory. Node offers one's
 * own buffer (`onread`) to sockets that connect, but not to those that a server accepts; so an accepted socket's handle
 * is moved into a new socket. Where that can't be done, `data` events do the same.
 */
import { Socket } from "node:net";

export interface Receiver {
  /** `input[0, size)` has arrived; nothing of it may be used after this returns. */
  receive(input: Buffer, size: number): void;
  /** Memory of its own for whatever arrives next; null: any other. */
  findRoom(): Buffer | null;
  /** `size` bytes have arrived in the room that was found last. */
  receiveInRoom(size: number): void;
}

/** Large enough that big items come in few pieces. */
const sharedBytes = 256 * 1024;
const shared: Buffer = Buffer.allocUnsafeSlow(sharedBytes);

interface WithHandle {
  _handle?: object | null;
}

/** Takes over a socket that was accepted paused, and begins to read. `receiver` is first asked for when bytes arrive. */
export function receiveShared(accepted: Socket, receiver: () => Receiver): Socket {
  const source = accepted as WithHandle;
  const handle = source._handle;
  if (handle === undefined || handle === null) return receiveChunks(accepted, receiver);
  source._handle = null;
  accepted.destroy();
  let hasBegun = false;
  const buffer = (): Buffer => {
    const room = hasBegun ? receiver().findRoom() : null;
    hasBegun = true;
    return room ?? shared;
  };
  const callback = (size: number, input: Uint8Array): boolean => {
    if (input === shared) receiver().receive(shared, size);
    else receiver().receiveInRoom(size);
    return true;
  };
  const options = { handle, allowHalfOpen: accepted.allowHalfOpen, onread: { buffer, callback } };
  return new Socket(options);
}

/** The same for sockets whose handle does not give what was sent: those with TLS. */
export function receiveChunks(accepted: Socket, receiver: () => Receiver): Socket {
  accepted.on("data", (chunk) => receiver().receive(chunk, chunk.length));
  return accepted.resume();
}
