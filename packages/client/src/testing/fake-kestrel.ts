// A small Kestrel node for tests: queues in memory, over the binary protocol with open, close, abort, peek and
// t=, and the few ASCII commands that the client sends. It records what was done, so that tests can see
// what was lost or doubled, and it can be paused, drained and stopped.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { parseRequests, type RequestFrame, renderItem, renderMiss, renderReply } from "./binary-frames.ts";

export interface FakeItem {
  readonly data: Buffer;
  readonly flags: number;
  readonly expiry: number;
}

export interface Waiter {
  readonly connection: Connection;
  take(item: FakeItem): void;
  timer: NodeJS.Timeout | undefined;
}

export class FakeQueue {
  readonly items: FakeItem[] = [];
  readonly waiters: Waiter[] = [];
}

export class Connection {
  readonly socket: Socket;
  readonly open: Map<string, FakeItem[]> = new Map();
  bytes: Buffer = Buffer.alloc(0);
  /** Chunks of a large request, joined once they are enough. */
  chunks: Buffer[] = [];
  size = 0;
  needed = 0;
  /** Requests behind a waiting get. */
  readonly backlog: RequestFrame[] = [];
  isWaiting = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }
}

export type FakeStatus = "up" | "read-only" | "quiescent";

export class FakeKestrel implements AsyncDisposable {
  readonly queues: Map<string, FakeQueue> = new Map();
  /** Items by queue in the order in which they were stored, taken or not. */
  readonly stored: string[] = [];
  readonly confirmed: string[] = [];
  /** Open reads that went back. */
  readonly returned: string[] = [];
  /** "verb queue" of each request. */
  readonly log: string[] = [];
  connectionsTotal = 0;
  status: FakeStatus = "up";
  /** The status by which it refuses whatever is asked of it, as long as it lets nobody in. */
  lockout: number | undefined;
  itemsMax: number = Number.POSITIVE_INFINITY;
  itemBytesMax: number = Number.POSITIVE_INFINITY;
  readonly #connections = new Set<Connection>();
  #server: Server | undefined;
  #port = 0;
  #isPaused = false;

  static async start(port = 0): Promise<FakeKestrel> {
    const fake = new FakeKestrel();
    fake.#port = port;
    await fake.start();
    return fake;
  }

  /** Listens; after a stop, on the same port and with the same queues. */
  async start(): Promise<void> {
    const server = createServer((socket) => this.#accept(socket));
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Breaks all connections and stops listening; open reads go back. */
  async stop(): Promise<void> {
    for (const { socket } of this.#connections) socket.destroy();
    const server = this.#server;
    this.#server = undefined;
    this.#isPaused = false;
    if (server === undefined) return;
    server.close();
    await once(server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get port(): number {
    return this.#port;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Reads nothing and answers nothing until resumed, like a process stopped by a signal. */
  pause(): void {
    this.#isPaused = true;
    for (const { socket } of this.#connections) socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const connection of this.#connections) {
      connection.socket.resume();
    }
  }

  breakConnections(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  items(queue: string): string[] {
    return (this.queues.get(queue)?.items ?? []).map(({ data }) => data.toString());
  }

  openLength(queue: string): number {
    let length = 0;
    for (const { open } of this.#connections) length += open.get(queue)?.length ?? 0;
    return length;
  }

  waitersLength(queue: string): number {
    return this.queues.get(queue)?.waiters.length ?? 0;
  }

  /** As if somebody else had put it. */
  add(queue: string, ...texts: string[]): void {
    for (const text of texts) this.#put(queue, { data: Buffer.from(text), flags: 0, expiry: 0 });
  }

  #accept(socket: Socket): void {
    this.connectionsTotal++;
    const connection = new Connection(socket);
    this.#connections.add(connection);
    if (this.#isPaused) socket.pause();
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#forget(connection));
    socket.on("data", (chunk) => {
      connection.chunks.push(chunk);
      connection.size += chunk.length;
      if (connection.size < connection.needed) return;
      connection.bytes = Buffer.concat([connection.bytes, ...connection.chunks]);
      connection.chunks = [];
      if (connection.bytes[0] === 0x80) this.#readBinary(connection);
      else this.#readAscii(connection);
    });
  }

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    for (const queue of this.queues.values()) {
      const index = queue.waiters.findIndex((waiter) => waiter.connection === connection);
      if (index >= 0) clearTimeout(queue.waiters.splice(index, 1)[0]!.timer);
    }
    for (const [name, items] of connection.open) this.#putBack(name, items);
  }

  #putBack(name: string, items: readonly FakeItem[]): void {
    const queue = this.#queueOf(name);
    for (const item of items) this.returned.push(item.data.toString());
    queue.items.unshift(...items);
    this.#serveWaiters(queue);
  }

  #queueOf(name: string): FakeQueue {
    let queue = this.queues.get(name);
    if (queue === undefined) this.queues.set(name, (queue = new FakeQueue()));
    return queue;
  }

  #put(name: string, item: FakeItem): void {
    const queue = this.#queueOf(name);
    queue.items.push(item);
    this.stored.push(item.data.toString());
    this.#serveWaiters(queue);
  }

  #serveWaiters(queue: FakeQueue): void {
    while (queue.items.length > 0 && queue.waiters.length > 0)
      queue.waiters.shift()!.take(queue.items.shift()!);
  }

  #readBinary(connection: Connection): void {
    const { requests, rest } = parseRequests(connection.bytes);
    connection.bytes = rest;
    connection.size = rest.length;
    connection.needed = rest.length >= 24 ? 24 + rest.readUInt32BE(8) : 0;
    connection.backlog.push(...requests);
    this.#work(connection);
  }

  #work(connection: Connection): void {
    while (!connection.isWaiting && connection.backlog.length > 0) {
      this.#answer(connection, connection.backlog.shift()!);
    }
  }

  #answer(connection: Connection, request: RequestFrame): void {
    if (request.opcode === 0x00 && this.lockout === undefined) {
      this.#get(connection, request);
      return;
    }
    const refusal = this.lockout ?? this.#carryOut(request);
    const parts = refusal === undefined ? {} : { status: refusal, value: "refused" };
    connection.socket.write(renderReply(request.opcode, request.opaque, parts));
  }

  /** Everything but gets: gives the status of a refusal. */
  #carryOut(request: RequestFrame): number | undefined {
    const { opcode, key, value, extras } = request;
    if (opcode === 0x0a) return undefined;
    if (opcode !== 0x01 && opcode !== 0x04) return 0x81;
    this.log.push(`${opcode === 0x01 ? "set" : "delete"} ${key}`);
    if (this.status !== "up") return 0x86;
    if (opcode === 0x04) {
      this.queues.delete(key);
      return undefined;
    }
    if (this.#queueOf(key).items.length >= this.itemsMax) return 0x05;
    if (value.length > this.itemBytesMax) return 0x03;
    const item = { data: Buffer.from(value), flags: extras.readUInt32BE(0), expiry: extras.readUInt32BE(4) };
    this.#put(key, item);
    return undefined;
  }

  #get(connection: Connection, request: RequestFrame): void {
    const [name = "", ...options] = request.key.split("/");
    const waitMs = Number(options.find((option) => option.startsWith("t="))?.slice(2) ?? 0);
    const verbs = options.filter((option) => !option.startsWith("t="));
    const { socket } = connection;
    this.log.push(`get ${request.key}`);
    const open = connection.open.get(name) ?? [];
    if (verbs.includes("close")) this.confirmed.push(...open.splice(0, 1).map(({ data }) => data.toString()));
    if (verbs.includes("abort")) this.#putBack(name, open.splice(0, 1));
    const isReading = verbs.length === 0 || verbs.includes("open") || verbs.includes("peek");
    if (!isReading) {
      socket.write(renderMiss(request));
      return;
    }
    if (this.status === "quiescent") {
      socket.write(renderReply(request.opcode, request.opaque, { status: 0x86, value: "refused" }));
      return;
    }
    const queue = this.#queueOf(name);
    const give = (item: FakeItem): void => {
      if (verbs.includes("peek")) queue.items.unshift(item);
      else if (verbs.includes("open")) connection.open.set(name, [...open, item]);
      else this.confirmed.push(item.data.toString());
      socket.write(renderItem(request, item.data, item.flags));
    };
    const item = queue.items.shift();
    if (item !== undefined) give(item);
    else if (waitMs > 0) this.#wait(connection, request, queue, waitMs, give);
    else socket.write(renderMiss(request));
  }

  #wait(
    connection: Connection,
    request: RequestFrame,
    queue: FakeQueue,
    waitMs: number,
    give: (item: FakeItem) => void,
  ): void {
    connection.isWaiting = true;
    const goOn = (): void => {
      clearTimeout(waiter.timer);
      connection.isWaiting = false;
      this.#work(connection);
    };
    const waiter: Waiter = {
      connection,
      take: (item) => {
        give(item);
        goOn();
      },
      timer: setTimeout(() => {
        queue.waiters.splice(queue.waiters.indexOf(waiter), 1);
        connection.socket.write(renderMiss(request));
        goOn();
      }, waitMs),
    };
    queue.waiters.push(waiter);
  }

  #readAscii(connection: Connection): void {
    const text = connection.bytes.toString();
    const lines = text.split("\r\n");
    connection.bytes = Buffer.from(lines.pop()!);
    for (const line of lines) {
      this.log.push(line);
      const [verb, name = ""] = line.split(" ");
      if (verb === "flush") {
        this.queues.get(name)?.items.splice(0);
        connection.socket.write("END\r\n");
      } else if (verb === "stats") {
        for (const [queue, { items }] of this.queues) {
          connection.socket.write(`STAT queue_${queue}_items ${items.length}\r\n`);
        }
        connection.socket.write("STAT version 3.0.0\r\nEND\r\n");
      } else if (verb === "dump_stats") {
        for (const [queue, { items }] of this.queues) {
          if (queue === name)
            connection.socket.write(`queue '${queue}' {\r\n  items=${items.length}\r\n}\r\n`);
        }
        connection.socket.write("END\r\n");
      } else {
        connection.socket.end("CLIENT_ERROR\r\n");
      }
    }
  }
}
