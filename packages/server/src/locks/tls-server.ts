/** A listening socket whose clients speak TLS. */
import type { ServerOpts, Socket } from "node:net";
import { createServer, type Server } from "node:tls";
import type { Logger } from "../logging.ts";
import { type HandshakeBound, Handshakes, handshakeTimeoutMs } from "./handshakes.ts";
import type { TlsOptions } from "./tls.ts";

export class TlsServer {
  readonly server: Server;
  readonly #handshakes: Handshakes;

  /** `accept` is given sockets that are ready to be read and written; for each, a handshake has ended just before. */
  constructor(
    options: ServerOpts,
    tls: TlsOptions,
    logger: Logger,
    bound: HandshakeBound,
    accept: (socket: Socket) => void,
  ) {
    // It is Node that reads the handshake.
    const own = { ...options, pauseOnConnect: false, handshakeTimeout: handshakeTimeoutMs };
    this.server = createServer({ ...own, ...tls }, accept);
    this.#handshakes = new Handshakes(this.server, logger, bound);
  }

  /** New certificates, for connections that come from now on; the others stay as they are. */
  renew(tls: TlsOptions): void {
    this.server.setSecureContext(tls);
  }

  /** Ends the connections that nobody has been given yet. */
  dismiss(): void {
    this.#handshakes.dismiss();
  }
}
