// Follows the nodes that announce themselves in ZooKeeper, under `<path>/read` and `<path>/write`. An outage of
// ZooKeeper, a session that has ended and sets that are all at once empty change nothing: what was known stays known.

import type { ConnectZookeeper, loadZookeeper, ZookeeperConnection } from "@kestrel-mq/zookeeper";
import { Backoff } from "../cluster/backoff.ts";
import type { TransportName } from "../options.ts";
import { MemberSet } from "./member-set.ts";
import { Returns } from "./returns.ts";
import type { FoundNode, FoundNodes, News, Source } from "./source.ts";
import type { ZookeeperServer } from "./zookeeper-server.ts";

export interface ZookeeperSourceParts {
  readonly sessionTimeoutMs: number;
  readonly endpoint: TransportName;
  onNews(news: News): void;
  /** How to get a connection, if not with node-zookeeper-client. */
  readonly load?: typeof loadZookeeper;
}

const RETRY = { minMs: 200, maxMs: 4_000, factor: 2, jitter: 0.5 };

export class ZookeeperSource implements Source {
  readonly #server: ZookeeperServer;
  readonly #parts: ZookeeperSourceParts;
  readonly #closing = new AbortController();
  readonly #retry = new Backoff(RETRY);
  readonly #returns: Returns;
  #connection: ZookeeperConnection | undefined;
  readonly #running: Promise<void>;
  #endPause: () => void = () => {};

  constructor(server: ZookeeperServer, parts: ZookeeperSourceParts) {
    this.#server = server;
    this.#parts = parts;
    this.#returns = new Returns((nodes) => this.#tell({ nodes }));
    this.#running = this.#run();
  }

  /** Ends the session. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#returns.close();
    this.#endPause();
    await this.#connection?.close();
    await this.#running;
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  #tell(news: News): void {
    if (!this.#isClosed) this.#parts.onNews(news);
  }

  async #run(): Promise<void> {
    const { sessionTimeoutMs } = this.#parts;
    const { addresses, credentials } = this.#server;
    let connect: ConnectZookeeper;
    try {
      // An optional dependency, which is missed only here.
      const load = this.#parts.load ?? (await import("@kestrel-mq/zookeeper")).loadZookeeper;
      connect = await load({ sessionTimeoutMs, credentials });
    } catch (error) {
      this.#tell({ error: error as Error, isFatal: true });
      return;
    }
    // Many clients that start at once must not all turn to the first server.
    let turn = Math.floor(Math.random() * addresses.length);
    while (!this.#isClosed) {
      try {
        this.#connection = await connect(addresses[turn++ % addresses.length]!, this.#closing.signal);
        await this.#follow(this.#connection);
      } catch (error) {
        this.#tell({ error: error as Error });
      }
      await this.#connection?.close();
      this.#connection = undefined;
      if (!this.#isClosed) await this.#pause();
    }
  }

  /** Until the connection ends, which it rejects with. Each connection is a new session, for which all is read anew. */
  async #follow(connection: ZookeeperConnection): Promise<void> {
    const { endpoint } = this.#parts;
    const { pathPrefix } = this.#server;
    let wake = (): void => {};
    const sets = ["read", "write"].map(
      (name) => new MemberSet(connection, `${pathPrefix}/${name}`, endpoint, () => wake()),
    );
    const [read, write] = sets as [MemberSet, MemberSet];
    for (let isFirstLook = true; ; isFirstLook = false) {
      const changed = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const errors = (await Promise.all(sets.map((set) => set.refresh()))).flat();
      this.#retry.reset();
      this.#publish(joinSets(read.nodes, write.nodes), isFirstLook, errors);
      await Promise.race([changed, connection.ended]);
      if (connection.failure !== undefined) throw connection.failure;
    }
  }

  #publish(found: FoundNodes, isFirstLook: boolean, errors: readonly Error[]): void {
    if (this.#isClosed) return;
    this.#returns.found(found, isFirstLook);
    for (const error of errors) this.#tell({ error });
    if (found.size === 0) this.#tell({ error: new Error(`no node is announced in ${this.#server.text}`) });
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#endPause = resolve;
      setTimeout(resolve, this.#retry.nextMs()).unref();
    });
  }
}

/** Who is only among those to be read takes no puts. */
function joinSets(read: readonly FoundNode[], write: readonly FoundNode[]): FoundNodes {
  const readOnly = read.map((node): FoundNode => ({ ...node, takesPuts: false }));
  return new Map([...readOnly, ...write].map((node) => [node.id, node]));
}
