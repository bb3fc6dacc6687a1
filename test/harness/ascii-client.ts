/**
 * A small memcache ASCII client for tests: requests may be pipelined, answers come back as promises in order.
 * It never connects again; what was in flight when the connection ended rejects with `ConnectionLost`.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** The connection ended before the answer: the request may or may not have been carried out. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

export interface Value {
  flags: number;
  data: Buffer;
}

interface Pending {
  /** Reads one answer at `offset`: its end, or undefined while it is incomplete. */
  parse(received: Buffer, offset: number): number | undefined;
  reject(error: Error): void;
}

const crlf = "\r\n";

export class AsciiClient implements AsyncDisposable {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #pending: Pending[] = [];
  #isLost = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => this.#lose());
    socket.on("close", () => this.#lose());
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<AsciiClient> {
    const socket = connect(port, host);
    await once(socket, "connect");
    return new AsciiClient(socket);
  }

  /** The answer's line: `STORED`, `NOT_STORED` or an error. */
  put(queue: string, data: Buffer | string, flags = 0, expiry = 0): Promise<string> {
    const body = typeof data === "string" ? Buffer.from(data) : data;
    const head = `set ${queue} ${flags} ${expiry} ${body.length}${crlf}`;
    return this.#request(Buffer.concat([Buffer.from(head), body, Buffer.from(crlf)]), parseLine);
  }

  /** `key` is the queue with its options. Null: nothing there. Rejects on any other answer than an item or END. */
  get(key: string): Promise<Value | null> {
    return this.#request(`get ${key}${crlf}`, parseValue);
  }

  /** Any request that is answered with one line. */
  line(request: string): Promise<string> {
    return this.#request(request + crlf, parseLine);
  }

  /** The server's statistics by name. */
  async stats(): Promise<Map<string, string>> {
    const lines = await this.lines("stats");
    return new Map(lines.map((line) => line.split(" ").slice(1) as [string, string]));
  }

  /** Any request that is answered with lines up to END, which is left out. */
  lines(request: string): Promise<string[]> {
    return this.#request(request + crlf, parseLines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, "close");
  }

  #request<T>(bytes: Buffer | string, parse: Parser<T>): Promise<T> {
    if (this.#isLost) return Promise.reject(new ConnectionLost("the connection is closed"));
    return new Promise<T>((resolve, reject) => {
      this.#pending.push({
        parse: (received, offset) => {
          const answer = parse(received, offset);
          if (answer === undefined) return undefined;
          if (answer.value instanceof Error) reject(answer.value);
          else resolve(answer.value);
          return answer.end;
        },
        reject,
      });
      this.socket.write(bytes);
    });
  }

  #receive(chunk: Buffer): void {
    const received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    let offset = 0;
    while (offset < received.length) {
      const pending = this.#pending[0];
      if (pending === undefined)
        throw new Error(`an answer to nothing: ${received.toString("latin1", offset)}`);
      const end = pending.parse(received, offset);
      if (end === undefined) break;
      this.#pending.shift();
      offset = end;
    }
    this.#received = received.subarray(offset);
  }

  #lose(): void {
    this.#isLost = true;
    const lost = this.#pending;
    this.#pending = [];
    for (const pending of lost) pending.reject(new ConnectionLost("the connection ended before the answer"));
  }
}

type Parser<T> = (received: Buffer, offset: number) => { value: T | Error; end: number } | undefined;

const parseLine: Parser<string> = (received, offset) => {
  const end = received.indexOf(crlf, offset);
  return end < 0 ? undefined : { value: received.toString("latin1", offset, end), end: end + 2 };
};

const parseLines: Parser<string[]> = (received, offset) => {
  const value: string[] = [];
  for (let from = offset; ; ) {
    const line = parseLine(received, from);
    if (line === undefined) return undefined;
    if (line.value === "END") return { value, end: line.end };
    if (/^[A-Z]*ERROR/.test(line.value as string))
      return { value: new Error(line.value as string), end: line.end };
    value.push(line.value as string);
    from = line.end;
  }
};

const parseValue: Parser<Value | null> = (received, offset) => {
  const first = parseLine(received, offset);
  if (first === undefined) return undefined;
  const head = first.value as string;
  if (head === "END") return { value: null, end: first.end };
  const words = head.split(" ");
  if (words[0] !== "VALUE") return { value: new Error(`unexpected answer: ${head}`), end: first.end };
  const dataEnd = first.end + Number(words[3]);
  const end = dataEnd + crlf.length + 5;
  if (received.length < end) return undefined;
  const tail = received.toString("latin1", dataEnd, end);
  const data = Buffer.from(received.subarray(first.end, dataEnd));
  const value =
    tail === "\r\nEND\r\n" ? { flags: Number(words[2]), data } : new Error(`bad end of an item: ${tail}`);
  return { value, end };
};
