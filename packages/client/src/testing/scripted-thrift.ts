// A thrift server that does to each call what a test tells it to, however wrong.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { parseCalls, type ThriftCall } from "./thrift-frames.ts";

export interface ScriptedCall extends ThriftCall {
  /** Connections are counted from 1, in the order in which they came. */
  readonly connection: number;
}

export type ThriftScript = (call: ScriptedCall, socket: Socket) => void;

export class ScriptedThrift implements AsyncDisposable {
  readonly calls: ScriptedCall[] = [];
  readonly sockets: Set<Socket> = new Set();
  connections = 0;
  readonly #server: Server;
  readonly #script: ThriftScript;

  /** Listens on a free port of 127.0.0.1, or on the port of one that was ended. */
  static async start(script: ThriftScript, port = 0): Promise<ScriptedThrift> {
    const server = new ScriptedThrift(script);
    server.#server.listen(port, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  private constructor(script: ThriftScript) {
    this.#script = script;
    // Half-open connections stay, so that a script can go on writing after the client has ended its side.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Each call with its queue and the number of its connection: "get q@1". */
  get log(): string[] {
    return this.calls.map(({ name, args, connection }) => `${name} ${args.get(1) ?? ""}@${connection}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(socket: Socket): void {
    const connection = ++this.connections;
    let bytes: Buffer = Buffer.alloc(0);
    this.sockets.add(socket);
    socket.setMaxListeners(0);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("end", () => socket.end());
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const { calls, rest } = parseCalls(Buffer.concat([bytes, chunk]));
      bytes = rest;
      for (const call of calls) {
        const scripted = { ...call, connection };
        this.calls.push(scripted);
        this.#script(scripted, socket);
      }
    });
  }
}
