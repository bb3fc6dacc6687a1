// A small Kestrel node over thrift: queues in memory, open reads by id with a bound for each connection and queue,
// waiting gets. It answers the calls of a connection in their order, and records what was done.

import type { Socket } from "node:net";
import { ScriptedThrift } from "./scripted-thrift.ts";
import {
  renderException,
  renderInt32,
  renderItems,
  renderText,
  renderVoid,
  type ThriftCall,
  type WireItem,
} from "./thrift-frames.ts";

interface OpenItem {
  readonly queue: string;
  readonly item: WireItem;
  readonly socket: Socket;
}

interface Waiter {
  readonly socket: Socket;
  take(item: WireItem): void;
}

export class FakeThrift implements AsyncDisposable {
  readonly queues: Map<string, WireItem[]> = new Map();
  readonly open: Map<bigint, OpenItem> = new Map();
  readonly waiters: Map<string, Waiter[]> = new Map();
  /** "get q 3", "confirm q 2": each with its queue and how many it is about. */
  readonly log: string[] = [];
  readonly confirmed: string[] = [];
  readonly returned: string[] = [];
  /** Open reads of one connection on one queue. */
  openMax: number = Number.POSITIVE_INFINITY;
  itemsMax: number = Number.POSITIVE_INFINITY;
  itemBytesMax: number = Number.POSITIVE_INFINITY;
  givesReads = true;
  /** False: as Kestrel 2 does, which keeps open reads when their connection ends. */
  abortsOnDisconnect = true;
  #nextId = 1n;
  #server!: ScriptedThrift;
  #port = 0;
  /** Calls behind a waiting get. */
  readonly #backlogs = new Map<Socket, ThriftCall[]>();

  static async start(): Promise<FakeThrift> {
    const fake = new FakeThrift();
    await fake.restart();
    return fake;
  }

  /** Listens; after a stop, on the same port and with the same queues. */
  async restart(): Promise<void> {
    this.#server = await ScriptedThrift.start((call, socket) => this.#receive(call, socket), this.#port);
    this.#port = this.#server.port;
  }

  /** Breaks all connections and stops listening. */
  async stop(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#server.sockets.size;
  }

  get connectionsTotal(): number {
    return this.#server.connections;
  }

  breakConnections(): void {
    for (const socket of this.#server.sockets) socket.destroy();
  }

  items(queue: string): string[] {
    return (this.queues.get(queue) ?? []).map(({ data }) => data);
  }

  waitersLength(queue: string): number {
    return this.waiters.get(queue)?.length ?? 0;
  }

  /** As if somebody else had put them. */
  add(queue: string, ...texts: string[]): void {
    for (const data of texts) this.#add(queue, { data, id: this.#nextId++ });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #receive(call: ThriftCall, socket: Socket): void {
    const backlog = this.#backlogs.get(socket);
    if (backlog !== undefined) backlog.push(call);
    else this.#answer(call, socket);
  }

  #answer(call: ThriftCall, socket: Socket): void {
    const { name, args } = call;
    const queue = String(args.get(1) ?? "");
    const list = args.get(2);
    const length = Array.isArray(list) ? list.length : Number(list ?? 0);
    this.log.push([name, queue, length || ""].join(" ").trim());
    if (name === "put") socket.write(renderInt32(call, this.#put(queue, list as string[], args)));
    else if (name === "get") this.#get(call, socket, queue, length);
    else if (name === "confirm" || name === "abort")
      socket.write(renderInt32(call, this.#close(name, list as bigint[])));
    else if (name === "get_version") socket.write(renderText(call, "3.0.0"));
    else if (name === "flush_queue" || name === "delete_queue") {
      this.queues.delete(queue);
      socket.write(renderVoid(call));
    } else socket.write(renderException(call, 1, `Invalid method name: '${name}'`));
  }

  #put(queue: string, texts: readonly string[], args: ThriftCall["args"]): number {
    const flags = Number(args.get(5) ?? 0);
    let count = 0;
    for (const data of texts) {
      const isFull = this.items(queue).length >= this.itemsMax;
      if (isFull || data.length > this.itemBytesMax) break;
      this.#add(queue, { data, id: this.#nextId++, flags });
      count++;
    }
    return count;
  }

  #add(queue: string, item: WireItem): void {
    const waiter = this.waiters.get(queue)?.shift();
    if (waiter !== undefined) waiter.take(item);
    else this.queues.set(queue, [...(this.queues.get(queue) ?? []), item]);
  }

  #get(call: ThriftCall, socket: Socket, queue: string, lengthMax: number): void {
    if (!this.givesReads) {
      socket.write(renderException(call, 6, "no reads now", "unavailable"));
      return;
    }
    const isOpenHere = ({ queue: name, socket: opener }: OpenItem): boolean =>
      name === queue && opener === socket;
    const room = this.openMax - [...this.open.values()].filter(isOpenHere).length;
    const items = (this.queues.get(queue) ?? []).splice(0, Math.min(lengthMax, room));
    for (const item of items) this.#lend(queue, item, socket);
    const waitMs = Number(call.args.get(3));
    if (items.length > 0 || waitMs <= 0 || room <= 0) socket.write(renderItems(call, items));
    else this.#wait(call, socket, queue, waitMs);
  }

  #lend(queue: string, item: WireItem, socket: Socket): void {
    this.open.set(item.id, { queue, item, socket });
    socket.once("close", () => {
      if (this.abortsOnDisconnect) this.#close("abort", [item.id]);
    });
  }

  #wait(call: ThriftCall, socket: Socket, queue: string, waitMs: number): void {
    const backlog: ThriftCall[] = [];
    this.#backlogs.set(socket, backlog);
    const waiters = this.waiters.get(queue) ?? [];
    this.waiters.set(queue, waiters);
    const end = (items: readonly WireItem[]): void => {
      clearTimeout(timer);
      const index = waiters.indexOf(waiter);
      if (index >= 0) waiters.splice(index, 1);
      this.#backlogs.delete(socket);
      if (socket.writable) socket.write(renderItems(call, items));
      for (const next of backlog) this.#receive(next, socket);
    };
    const waiter: Waiter = {
      socket,
      take: (item) => {
        this.#lend(queue, item, socket);
        end([item]);
      },
    };
    const timer = setTimeout(() => end([]), waitMs);
    socket.once("end", () => end([]));
    socket.once("close", () => end([]));
    waiters.push(waiter);
  }

  #close(name: "confirm" | "abort", ids: readonly bigint[]): number {
    let count = 0;
    for (const id of ids) {
      const found = this.open.get(id);
      if (found === undefined) continue;
      this.open.delete(id);
      count++;
      if (name === "confirm") {
        this.confirmed.push(found.item.data);
      } else {
        this.returned.push(found.item.data);
        this.queues.set(found.queue, [found.item, ...(this.queues.get(found.queue) ?? [])]);
      }
    }
    return count;
  }
}
