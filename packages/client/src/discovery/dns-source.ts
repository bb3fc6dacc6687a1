// Looks one name in DNS up again and again, sooner after failures.

import { Backoff } from "../cluster/backoff.ts";
import { type DnsResolver, lookUp } from "./dns-lookup.ts";
import type { DnsServer } from "./dns-server.ts";
import type { FoundNodes, News, Source } from "./source.ts";

export interface DnsSourceParts {
  readonly refreshMs: number;
  readonly resolver: DnsResolver;
  onNews(news: News): void;
}

const RETRY_MS = 500;
/** The part of the time between two lookups that is left to chance. */
const JITTER = 0.2;

export class DnsSource implements Source {
  readonly #server: DnsServer;
  readonly #parts: DnsSourceParts;
  readonly #retry: Backoff;
  /** The last answer that had nodes. */
  #nodes: FoundNodes = new Map();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(server: DnsServer, parts: DnsSourceParts) {
    this.#server = server;
    this.#parts = parts;
    const { refreshMs } = parts;
    const minMs = Math.min(RETRY_MS, refreshMs);
    this.#retry = new Backoff({ minMs, maxMs: refreshMs, factor: 2, jitter: 0.5 });
    void this.#look();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { refreshMs, resolver, onNews } = this.#parts;
    const { nodes, error } = await lookUp(this.#server, resolver, this.#nodes);
    if (this.#isClosed) return;
    if (nodes.size > 0) this.#nodes = nodes;
    if (error === undefined) this.#retry.reset();
    const pauseMs = error === undefined ? refreshMs * (1 - JITTER * Math.random()) : this.#retry.nextMs();
    this.#timer = setTimeout(() => void this.#look(), pauseMs).unref();
    onNews({ nodes: this.#nodes, error });
  }
}
