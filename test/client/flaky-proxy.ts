/**
 * A TCP proxy before one node that can do to its connections what networks do: delay, fall silent, refuse, reset, end
 * one side only, or break off in the middle of a message. Disposing of it ends everything.
 */

import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "request" | "answer";

interface Pair {
  readonly client: Socket;
  readonly node: Socket;
}

export class FlakyProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #port: number;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #isSilent = false;
  #delayMs = 0;
  #cut: Direction | undefined;

  static async start(targetPort: number, port: number): Promise<FlakyProxy> {
    const proxy = new FlakyProxy(targetPort, port);
    await proxy.accept();
    return proxy;
  }

  private constructor(targetPort: number, port: number) {
    this.#targetPort = targetPort;
    this.#port = port;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Each chunk waits for so long on its way. */
  delay(ms: number): void {
    this.#delayMs = ms;
  }

  /** Nothing gets through in either direction until pass() is called, on old and new connections. */
  fallSilent(): void {
    this.#isSilent = true;
    for (const { client, node } of this.#pairs) {
      client.pause();
      node.pause();
    }
  }

  /** Everything goes through again, what was held up first. */
  pass(): void {
    this.#isSilent = false;
    this.#delayMs = 0;
    for (const { client, node } of this.#pairs) {
      client.resume();
      node.resume();
    }
  }

  /** Nobody listens any more; connections that are there go on. */
  refuse(): void {
    this.#server.close();
  }

  /** Somebody listens again, on the same port. */
  async accept(): Promise<void> {
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** The connection that is next to carry something this way carries a part of it, and is ended. */
  cutNext(direction: Direction): void {
    this.#cut = direction;
  }

  resetAll(): void {
    for (const { client, node } of this.#pairs) {
      client.resetAndDestroy();
      node.destroy();
    }
  }

  /** Tells clients that nothing more comes, while the node still hears them. */
  halfCloseAll(): void {
    for (const { client } of this.#pairs) client.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, node } of this.#pairs) {
      client.destroy();
      node.destroy();
    }
    this.#server.close();
  }

  #accept(client: Socket): void {
    const node = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const pair: Pair = { client, node };
    this.#pairs.add(pair);
    this.#forward(client, node, "request", pair);
    this.#forward(node, client, "answer", pair);
    for (const socket of [client, node]) {
      socket.on("error", () => socket.destroy());
      socket.on("close", () => {
        client.destroy();
        node.destroy();
        this.#pairs.delete(pair);
      });
    }
    if (!this.#isSilent) return;
    client.pause();
    node.pause();
  }

  #forward(from: Socket, to: Socket, direction: Direction, pair: Pair): void {
    const waiting: (() => void)[] = [];
    const later = (action: () => void): void => {
      if (this.#delayMs === 0 && waiting.length === 0) {
        action();
        return;
      }
      waiting.push(action);
      // The oldest first, whichever delay is over: those that come when there is none any more overtake nobody.
      setTimeout(() => waiting.shift()!(), this.#delayMs);
    };
    from.on("data", (chunk) =>
      later(() => {
        if (this.#cut === direction) this.#cutOff(pair, to, chunk);
        else if (to.writable) to.write(chunk);
      }),
    );
    from.on("end", () => later(() => to.end()));
  }

  #cutOff({ client, node }: Pair, to: Socket, chunk: Buffer): void {
    this.#cut = undefined;
    to.end(chunk.subarray(0, chunk.length >> 1), () => {
      client.destroy();
      node.destroy();
    });
  }
}
