// A port with TLS, for tests of how a client comes to trust it. On whatever wire it is asked, it says that it is there.

import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type Server, type TlsOptions } from "node:tls";
import { parseRequests, renderReply } from "./binary-frames.ts";
import { parseCalls, renderText } from "./thrift-frames.ts";

export class FakeTlsNode implements AsyncDisposable {
  /** All that was heard in the clear, of everybody. */
  heard: Buffer = Buffer.alloc(0);
  /** The names that clients asked for; false: for none. */
  readonly names: (string | false | null)[] = [];
  readonly sockets: Set<Socket> = new Set();
  readonly #server: Server;

  static async start(options: TlsOptions): Promise<FakeTlsNode> {
    const node = new FakeTlsNode(options);
    node.#server.listen(0, "127.0.0.1");
    await once(node.#server, "listening");
    return node;
  }

  private constructor(options: TlsOptions) {
    this.#server = createServer(options, (socket) => {
      this.names.push(socket.servername);
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk) => {
        this.heard = Buffer.concat([this.heard, chunk]);
        socket.write(answer(chunk));
      });
    });
    this.#server.on("connection", (socket: Socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket));
    });
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Small requests come whole. */
function answer(chunk: Buffer): Buffer {
  if (chunk[0] === 0x80) {
    const { requests } = parseRequests(chunk);
    return Buffer.concat(requests.map(({ opcode, opaque }) => renderReply(opcode, opaque)));
  }
  if (chunk[0] === 0x00) return Buffer.concat(parseCalls(chunk).calls.map((call) => renderText(call, "3")));
  return Buffer.from(chunk.includes("set ") ? "STORED\r\n" : "VERSION 3\r\n");
}
