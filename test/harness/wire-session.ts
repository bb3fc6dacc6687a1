/**
 * A raw connection for tests: sends bytes, and says of the bytes that come back whether they are the expected
 * ones. Fails as soon as a received byte differs, and never waits for longer than `hangMs`.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

const hangMs = 20_000;
const shownBytesMax = 300;

/**
 * Reads one expected thing from `received` at `offset`. Returns the offset after it, or undefined while more
 * bytes are needed; throws a `Mismatch` when it can't become the expected thing any more.
 */
export type Matcher = (received: Buffer, offset: number) => number | undefined;

export class Mismatch extends Error {
  override readonly name = "Mismatch";
}

export class WireSession implements AsyncDisposable {
  readonly socket: Socket;
  /** Received and not yet expected. */
  #received: Buffer = Buffer.alloc(0);
  #isEnded = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // A reset counts as an end: what matters is which bytes came before it.
    socket.on("error", () => this.#end());
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<WireSession> {
    const socket = connect(port, host);
    await once(socket, "connect");
    return new WireSession(socket);
  }

  /** Text is sent as Latin-1, so that `\x80` is one byte. */
  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Sends every byte in a packet of its own. */
  async sendByteByByte(bytes: string | Buffer): Promise<void> {
    const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    for (let i = 0; i < data.length && !this.#isEnded; i++) {
      await new Promise<void>((resolve) =>
        this.socket.write(data.subarray(i, i + 1), () => setImmediate(resolve)),
      );
    }
  }

  /** Exactly these bytes come next. */
  async expect(expected: string | Buffer): Promise<void> {
    await this.expectMatch([literal(expected)]);
  }

  /** These things come next, one after the other. */
  async expectMatch(matchers: readonly Matcher[]): Promise<void> {
    for (const matcher of matchers) {
      const end = await this.#until(() => matcher(this.#received, 0));
      this.#received = this.#received.subarray(end);
    }
  }

  /** The next line, without its CRLF. */
  async readLine(): Promise<string> {
    const end = await this.#until(() => findLineEnd(this.#received));
    const line = this.#received.toString("latin1", 0, end - 2);
    this.#received = this.#received.subarray(end);
    return line;
  }

  /** The next `size` bytes. */
  async read(size: number): Promise<Buffer> {
    const end = await this.#until(() => (this.#received.length >= size ? size : undefined));
    const bytes = this.#received.subarray(0, end);
    this.#received = this.#received.subarray(end);
    return bytes;
  }

  /** The other side closes the connection and sends nothing more before. */
  async expectClose(): Promise<void> {
    await this.#until(() => (this.#isEnded ? 0 : undefined));
    if (this.#received.length > 0)
      throw new Mismatch(`closed after unexpected bytes ${show(this.#received)}`);
  }

  /** Everything received until the other side closes the connection. */
  async readToClose(): Promise<Buffer> {
    await this.#until(() => (this.#isEnded ? 0 : undefined));
    const bytes = this.#received;
    this.#received = Buffer.alloc(0);
    return bytes;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Ends the connection at once, without a farewell. */
  destroy(): void {
    this.socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, "close");
  }

  #end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async #until(test: () => number | undefined): Promise<number> {
    const deadline = Date.now() + hangMs;
    for (;;) {
      const end = test();
      if (end !== undefined) return end;
      if (this.#isEnded) throw new Mismatch(`closed after ${show(this.#received)}`);
      const leftMs = deadline - Date.now();
      if (leftMs <= 0) throw new Mismatch(`nothing more came for ${hangMs} ms after ${show(this.#received)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Matches exactly these bytes. */
export function literal(expected: string | Buffer): Matcher {
  const wanted = typeof expected === "string" ? Buffer.from(expected, "latin1") : expected;
  return (received, offset) => {
    const length = Math.min(wanted.length, received.length - offset);
    if (wanted.compare(received, offset, offset + length, 0, length) !== 0) {
      throw new Mismatch(`expected ${show(wanted)}, received ${show(received.subarray(offset))}`);
    }
    return length === wanted.length ? offset + length : undefined;
  };
}

/** Bytes in a readable form, cut when they are many. */
export function show(bytes: Buffer): string {
  const text = JSON.stringify(bytes.toString("latin1", 0, shownBytesMax));
  return bytes.length > shownBytesMax ? `${text}... (${bytes.length} bytes)` : text;
}

function findLineEnd(received: Buffer): number | undefined {
  const end = received.indexOf("\r\n");
  return end < 0 ? undefined : end + 2;
}
