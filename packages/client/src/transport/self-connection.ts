// TCP lets a socket connect to itself: when nobody listens on a port of this machine and the system happens to
// give the very same port to the one who tries to connect. That is no node, and it would keep the node that
// should be there from getting its port back.

import type { Socket } from "node:net";

/** Whether both ends of this connection are one and the same socket. */
export function isConnectedToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}
