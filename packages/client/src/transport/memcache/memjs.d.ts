// What we use of memjs 1.3.2, including the inner parts that the careful wrapper must reach. Pinned: another version needs
// another look at its source.

declare module "memjs" {
  import type { EventEmitter } from "node:events";
  import type { Socket } from "node:net";

  interface ClientOptions {
    retries: number;
    failover: boolean;
    logger: { log(...message: unknown[]): void };
  }

  interface Message {
    header: { opcode: number; status: number; opaque: number; totalBodyLength: number; cas: Buffer };
    key: Buffer;
    extras: Buffer;
    val: Buffer;
  }

  class Server extends EventEmitter {
    constructor(host: string, port: number, username: string, password: string, options: object);
    username: string | undefined;
    password: string | undefined;
    responseBuffer: Buffer;
    sock(isSasl: boolean, use: (socket: Socket) => void): void;
    listSasl(): void;
    onResponse(seq: number, callback: (response: Message) => void): void;
    responseHandler(chunk: Buffer): void;
    error(cause: unknown): void;
    write(request: Buffer): void;
    appendToBuffer(chunk: Buffer): Buffer;
  }

  class Client {
    constructor(servers: Server[], options: ClientOptions);
    seq: number;
    incrSeq(): void;
    perform(
      key: string,
      request: Buffer,
      seq: number,
      callback: (error: unknown, response: Message | null) => void,
    ): void;
  }

  const memjs: { Server: typeof Server; Client: typeof Client };
  export default memjs;
}
