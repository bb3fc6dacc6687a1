/**
 * The node as the stream tells of it: its own figures and a row per queue, fresh every second. Tells those who
 * listen after each change, and when the connection is lost or there again.
 */
import type { QueueRow } from "./queue-row.ts";

export interface ServerFigures {
  readonly name: string;
  readonly version: string;
  readonly status: string;
  readonly uptimeMs: number;
  readonly connections: number;
  readonly queues: number;
  readonly items: number;
  readonly bytes: number;
  readonly putRate: number;
  readonly getRate: number;
  readonly memoryBytes: number;
  readonly journalMemoryRatio: number;
}

interface StreamEvent {
  readonly atMs: number;
  readonly server: ServerFigures;
  readonly columns?: readonly string[];
  readonly rows: readonly (readonly [name: string, ...numbers: number[]])[];
  readonly gone?: readonly string[];
}

/** Longer than this without an event, and the figures are old. */
const staleMs = 4000;
const retryMs = 2000;

export class NodeState {
  /** Null until the first event. */
  server: ServerFigures | null = null;
  readonly rows: Map<string, QueueRow> = new Map();
  isLive = false;
  /** The node's own time of the last event. */
  atMs = 0;
  #receivedAt = 0;
  #columns: readonly string[] = [];
  #source: EventSource | null = null;
  readonly #listeners: Set<() => void> = new Set();

  start(): void {
    this.#connect();
    // Nobody looks: the node has better things to do.
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#disconnect();
      else if (this.#source === null) this.#connect();
    });
    setInterval(() => {
      if (this.isLive && !document.hidden && performance.now() - this.#receivedAt > staleMs) this.#lost();
    }, 1000);
  }

  /** Calls `listener` after each change, until the function that it gives is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The node's time, as good as one can tell between two events. */
  get nowMs(): number {
    return this.atMs + (this.isLive ? performance.now() - this.#receivedAt : 0);
  }

  #connect(): void {
    const source = new EventSource("live");
    this.#source = source;
    source.addEventListener("all", (event) => {
      this.rows.clear();
      this.#receive(event as MessageEvent<string>);
    });
    source.addEventListener("change", (event) => this.#receive(event as MessageEvent<string>));
    source.addEventListener("error", () => this.#lost());
  }

  #receive(event: MessageEvent<string>): void {
    const { atMs, server, columns, rows, gone } = JSON.parse(event.data) as StreamEvent;
    if (columns !== undefined) this.#columns = columns;
    for (const [name, ...numbers] of rows) {
      const values = Object.fromEntries(this.#columns.map((column, index) => [column, numbers[index]]));
      this.rows.set(name, { name, ...values } as unknown as QueueRow);
    }
    for (const name of gone ?? []) this.rows.delete(name);
    this.atMs = atMs;
    this.server = server;
    this.#receivedAt = performance.now();
    this.isLive = true;
    this.#tell();
  }

  /** Browsers give up on some errors for good: a new stream is asked for instead. */
  #lost(): void {
    if (this.#source === null) return;
    this.#disconnect();
    this.isLive = false;
    this.#tell();
    setTimeout(() => {
      if (this.#source === null && !document.hidden) this.#connect();
    }, retryMs);
  }

  #disconnect(): void {
    this.#source?.close();
    this.#source = null;
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
