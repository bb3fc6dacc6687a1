// A memcache server that does to each request what a test tells it to, however wrong.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { parseRequests, type RequestFrame } from "./binary-frames.ts";

export interface ScriptedRequest extends RequestFrame {
  /** Connections are counted from 1, in the order in which they came. */
  readonly connection: number;
}

export type Script = (request: ScriptedRequest, socket: Socket) => void;

export class ScriptedServer implements AsyncDisposable {
  readonly requests: ScriptedRequest[] = [];
  readonly sockets: Set<Socket> = new Set();
  connections = 0;
  readonly #server: Server;
  #script: Script;

  /** Listens on a free port of 127.0.0.1, or on the port of one that was stopped. */
  static async start(script: Script, port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(script);
    server.#server.listen(port, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  private constructor(script: Script) {
    this.#script = script;
    // Half-open connections stay, so that a script can go on writing after the client has ended its side.
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): { host: string; port: number } {
    return { host: "127.0.0.1", port: this.port };
  }

  follow(script: Script): void {
    this.#script = script;
  }

  /** The keys of all requests so far, each with the number of its connection: "q/open@1". */
  get log(): string[] {
    return this.requests.map(({ key, connection }) => `${key}@${connection}`);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #accept(socket: Socket): void {
    const connection = ++this.connections;
    let bytes: Buffer = Buffer.alloc(0);
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
    socket.on("end", () => socket.end());
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const { requests, rest } = parseRequests(Buffer.concat([bytes, chunk]));
      bytes = rest;
      for (const frame of requests) {
        const request = { ...frame, connection };
        this.requests.push(request);
        this.#script(request, socket);
      }
    });
  }
}
