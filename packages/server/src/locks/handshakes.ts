/** Who has connected to a server with TLS and has not come to an agreement with it: kept in bounds, and let go. */
import type { Socket } from "node:net";
import type { Server } from "node:tls";
import type { Logger } from "../logging.ts";

/** How long it may take, for the server's `handshakeTimeout`. */
export const handshakeTimeoutMs = 10_000;
/** At the same time, at one port. */
const handshakesMax = 1000;

/** Whom to ask whether one more may begin, and to tell of its end. */
export interface HandshakeBound {
  begin(): boolean;
  end(): void;
}

export class Handshakes {
  /** By the address of the client. */
  readonly #sockets: Map<string, Socket> = new Map();
  readonly #bound: HandshakeBound;

  /** `bound` is what holds beyond this port. */
  constructor(server: Server, logger: Logger, bound: HandshakeBound) {
    this.#bound = bound;
    server.on("connection", (socket: Socket) => this.#begin(socket));
    server.prependListener("secureConnection", (socket) => this.#end(addressOf(socket)));
    server.on("tlsClientError", (error) => logger.debug({ err: error }, "a TLS handshake failed"));
  }

  #begin(socket: Socket): void {
    const address = addressOf(socket);
    // One from the same address has gone without our having heard of it.
    this.#sockets.get(address)?.destroy();
    this.#end(address);
    if (this.#sockets.size >= handshakesMax || !this.#bound.begin()) {
      socket.destroy();
      return;
    }
    this.#sockets.set(address, socket);
    socket.once("close", () => {
      if (this.#sockets.get(address) === socket) this.#end(address);
    });
  }

  #end(address: string): void {
    if (this.#sockets.delete(address)) this.#bound.end();
  }

  /** Ends them: the server stops. */
  dismiss(): void {
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
