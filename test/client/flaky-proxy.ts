/**
 * A TCP proxy before one node that can do to its connections what networks do: delay, fall silent, reset, end one
 * side only. Disposing of it ends everything.
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

interface Pair {
  readonly client: Socket;
  readonly node: Socket;
}

export class FlakyProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<Pair>();
  #isSilent = false;
  #delayMs = 0;

  static async start(targetPort: number): Promise<FlakyProxy> {
    const proxy = new FlakyProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
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
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    const node = connect({ port: this.#targetPort, host: "127.0.0.1", allowHalfOpen: true });
    const pair: Pair = { client, node };
    this.#pairs.add(pair);
    this.#forward(client, node);
    this.#forward(node, client);
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

  #forward(from: Socket, to: Socket): void {
    from.on("data", (chunk) => this.#later(() => to.writable && to.write(chunk)));
    from.on("end", () => this.#later(() => to.end()));
  }

  /** In order, since every chunk of a time of delay waits for equally long. */
  #later(action: () => void): void {
    if (this.#delayMs === 0) action();
    else setTimeout(action, this.#delayMs);
  }
}
