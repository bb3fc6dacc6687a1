/** Connections without a network: a socket that a test feeds and whose reader it is, on a node with a fake disk. */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { KestrelError } from "../errors.ts";
import type { UserSettings } from "../locks/lock-settings.ts";
import { Locks } from "../locks/locks.ts";
import { Timings } from "../metrics/timings.ts";
import { AnswerMemory } from "../protocol/answer-memory.ts";
import { BodyMemory } from "../protocol/body-memory.ts";
import type { Codec, Wire } from "../protocol/codec.ts";
import { Connection, type ConnectionHost } from "../protocol/connection.ts";
import { type ConnectionLimits, defaultConnectionLimits } from "../protocol/limits.ts";
import { KeyCache } from "../protocol/memcache/key.ts";
import { makeMemcacheCodec } from "../protocol/memcache/memcache.ts";
import { OutputPool } from "../protocol/output.ts";
import type { ServerControls } from "../session/controls.ts";
import { GatheredMemory } from "../session/gathered-memory.ts";
import { LentReads } from "../session/lent-reads.ts";
import { QueueRules, type QueueRulesOptions } from "../settings/queue-rules.ts";
import { Counters } from "../stats/counters.ts";
import { TestNode } from "./node.ts";

export interface TestPortOptions {
  rules?: QueueRulesOptions;
  users?: readonly UserSettings[];
  limits?: Partial<ConnectionLimits>;
  maxOpenTransactions?: number;
  /** Memcache unless given. */
  makeCodec?: (wire: Wire, host: { clock: Clock; limits: ConnectionLimits }) => Codec;
}

/** A port of a node. */
export class TestPort {
  readonly node: TestNode;
  readonly host: ConnectionHost;
  readonly connections: Set<Connection> = new Set();
  /** What clients asked of the server. */
  readonly asked: string[] = [];
  reload: () => Promise<void> = async () => {};

  private constructor(node: TestNode, options: TestPortOptions) {
    this.node = node;
    const { clock, turn, queues, log } = node;
    const limits = { ...defaultConnectionLimits, ...options.limits };
    const memcache = { clock, limits, keys: new KeyCache() };
    const counters = new Counters(clock.now());
    this.host = {
      queues,
      turn,
      clock,
      counters,
      timings: new Timings(),
      controls: this.#controls(),
      lentReads: new LentReads(clock),
      gatheredMemory: new GatheredMemory(),
      locks: new Locks({
        users: options.users ?? [],
        rules: new QueueRules(options.rules),
        clock,
        logger: log,
      }),
      maxOpenTransactions: options.maxOpenTransactions ?? 1,
      limits,
      outputs: new OutputPool(),
      answerMemory: new AnswerMemory({
        bytesMax: limits.unreadBytesMax,
        stallMs: limits.unreadStallMs,
        patienceMs: limits.unreadPatienceMs,
        clock,
        turn,
        gate: queues.largeItemGate,
        counters,
      }),
      bodyMemory: new BodyMemory(limits.bodyBytesMax, limits.bodyStallMs, clock),
      logger: log,
      makeCodec: (firstByte, wire) =>
        options.makeCodec?.(wire, { clock, limits }) ?? makeMemcacheCodec(firstByte, wire, memcache),
      forget: (connection) => this.connections.delete(connection),
    };
  }

  static async start(options: TestPortOptions = {}): Promise<TestPort> {
    return new TestPort(await TestNode.start(options.rules), options);
  }

  connect(): TestClient {
    return new TestClient(this);
  }

  #controls(): ServerControls {
    const { asked } = this;
    return {
      status: "UP",
      takesReads: true,
      takesWrites: true,
      setStatus: (status) => {
        if (status !== "UP") throw new KestrelError("bad-request", "unknown status");
        asked.push(status);
      },
      reload: () => this.reload(),
      shutdown: () => asked.push("shutdown"),
      describeQueues: () => [],
    };
  }
}

/** Both ends of a connection. Text is Latin-1, so that each character is a byte. */
export class TestClient {
  readonly socket: FakeSocket = new FakeSocket();
  readonly connection: Connection;

  constructor(port: TestPort) {
    this.connection = new Connection(this.socket as unknown as Socket, port.host);
    port.connections.add(this.connection);
  }

  /** Sends bytes, lets the turn end, and gives what came back. */
  async talk(bytes: string | Buffer): Promise<string> {
    this.send(bytes);
    return this.hear();
  }

  send(bytes: string | Buffer): void {
    const input = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
    if (this.socket.destroyed) return;
    // As on a real port, the bytes are overwritten once they were received.
    const copy = Buffer.from(input);
    this.connection.receive(copy, copy.length);
    copy.fill(0x21);
  }

  /** Lets turns end, and gives what came since the last time. */
  async hear(): Promise<string> {
    for (let turns = 0; turns < 6; turns++) await new Promise((resolve) => setImmediate(resolve));
    return this.socket.take().toString("latin1");
  }

  /** The client will send no more. */
  endInput(): void {
    this.socket.emit("end");
  }

  /** The connection is gone. */
  drop(): void {
    this.socket.destroy();
  }
}

/** As much of a socket as a connection uses. */
class FakeSocket extends EventEmitter {
  #received: Buffer[] = [];
  /** Written, and not read by the client: while `isStuck`. */
  #waiting: Buffer[] = [];
  /** The client does not read. */
  isStuck = false;
  isEnded = false;
  isPaused = false;
  destroyed = false;
  /** Calls of write. */
  writes = 0;
  bytesWritten = 0;

  get writableLength(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  get writableNeedDrain(): boolean {
    return this.#waiting.length > 0 && !this.isEnded;
  }

  get writableEnded(): boolean {
    return this.isEnded;
  }

  get writableFinished(): boolean {
    return this.isEnded && this.writableLength === 0;
  }

  write(bytes: Buffer): void {
    if (this.isEnded) throw new Error("written after the end");
    this.writes++;
    this.bytesWritten += bytes.length;
    // What the system has not taken, the socket refers to: it must not change until then.
    if (this.isStuck) this.#waiting.push(bytes);
    else this.#received.push(Buffer.from(bytes));
  }

  /** The client reads the first of what was written, and not the rest. */
  drainSome(): void {
    this.#received.push(Buffer.from(this.#waiting.shift()!));
  }

  /** The client reads all there is. */
  drain(): void {
    this.isStuck = false;
    for (const bytes of this.#waiting) this.#received.push(Buffer.from(bytes));
    this.#waiting = [];
    // As with Node, whose sockets have nothing to drain once they end.
    this.emit(this.isEnded ? "finish" : "drain");
  }

  take(): Buffer {
    const received = Buffer.concat(this.#received);
    this.#received = [];
    return received;
  }

  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    if (this.#waiting.length === 0) this.emit("finish");
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit("close");
  }
}
