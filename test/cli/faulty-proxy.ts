/**
 * A proxy before a node that spoils what the node answers, for tests of checks: it can lose an item, give one
 * twice, change the order of two, or damage one. Takes each chunk from the node for one answer, which holds for
 * clients that ask one thing at a time for small items.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * Gets the items' answers of all connections one after the other; gives what is to be sent instead. `nothing` is how
 * the protocol says that there is no item.
 */
export type Fault = (answer: Buffer, index: number, nothing: Buffer) => Buffer | undefined;

/** How items are told from other answers. */
interface Dialect {
  readonly nothing: Buffer;
  isItem(answer: Buffer): boolean;
}

const dialects: Readonly<Record<"memcache" | "thrift", Dialect>> = {
  memcache: {
    nothing: Buffer.from("END\r\n"),
    isItem: (answer) => answer.toString("latin1", 0, 6) === "VALUE ",
  },
  thrift: {
    // A reply to get: an empty list.
    nothing: Buffer.from("000000188001000200000003676574000000000f00000c0000000000", "hex"),
    isItem: (answer) => answer.toString("latin1", 12, 15) === "get" && answer.length > 32,
  },
};

/** One item is lost on the way: the client is told that nothing was there. */
export const loses: Fault = (answer, index, nothing) => (index === 10 ? nothing : answer);

/** One item is given in place of the next one as well. */
export const doubles: () => Fault = () => {
  let last: Buffer | undefined;
  return (answer, index) => {
    const given = index === 10 ? last : answer;
    last = answer;
    return given;
  };
};

/** One item is held back until the next one has been given. */
export const swaps: () => Fault = () => {
  let held: Buffer | undefined;
  return (answer, index, nothing) => {
    if (index === 10) {
      held = answer;
      return nothing;
    }
    return index === 11 ? answer : index === 12 ? held : answer;
  };
};

export const damages: Fault = (answer, index) => {
  if (index === 10) answer[answer.length >> 1]! ^= 1;
  return answer;
};

/** One answer never comes. */
export const swallows: Fault = (answer, index) => (index === 10 ? undefined : answer);

export class FaultyProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(
    nodePort: number,
    fault: Fault,
    protocol: "memcache" | "thrift" = "memcache",
  ): Promise<FaultyProxy> {
    const { nothing, isItem } = dialects[protocol];
    let index = 0;
    const server = createServer((client) => {
      const node = connect(nodePort, "127.0.0.1");
      for (const socket of [client, node]) {
        proxy.#sockets.add(socket);
        socket.on("error", () => {});
      }
      client.on("data", (chunk) => node.write(chunk));
      node.on("data", (chunk) => {
        const given = isItem(chunk) ? fault(chunk, index++, nothing) : chunk;
        if (given !== undefined) client.write(given);
      });
      client.on("close", () => node.destroy());
      node.on("close", () => client.destroy());
    });
    const proxy = new FaultyProxy(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
