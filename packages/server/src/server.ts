/**
 * A node: queues, and the ports on which they are reached. Everything of one process may be here more than once;
 * signals, flags and exit codes belong to `main.ts`.
 */
import { type Clock, systemClock } from "./clock.ts";
import { type Disk, NodeDisk } from "./disk.ts";
import { KestrelError } from "./errors.ts";
import { Turn } from "./journal/turn.ts";
import { type Logger, silentLogger } from "./logging.ts";
import { Timings } from "./metrics/timings.ts";
import { BodyMemory } from "./protocol/body-memory.ts";
import { type ConnectionLimits, defaultConnectionLimits } from "./protocol/limits.ts";
import { Listener, type ListenerHost } from "./protocol/listener.ts";
import { KeyCache } from "./protocol/memcache/key.ts";
import { makeMemcacheCodec } from "./protocol/memcache/memcache.ts";
import { OutputPool } from "./protocol/output.ts";
import { QueueCollection } from "./queue/queue-collection.ts";
import type { ServerControls } from "./session/controls.ts";
import { EmbeddedQueues } from "./session/embedded-queues.ts";
import { LentReads } from "./session/lent-reads.ts";
import type { SessionHost } from "./session/session.ts";
import { QueueRules, renderSettings } from "./settings/queue-rules.ts";
import { defaultServerSettings, type ServerSettings } from "./settings/server-settings.ts";
import { Counters } from "./stats/counters.ts";
import type { StatisticGroup } from "./stats/statistic.ts";

/** The server's settings, each with its default, and what only a program can give. */
export interface KestrelServerOptions extends Partial<Omit<ServerSettings, "queuePath">> {
  /** Folder of the journals; null: memory only, nothing survives a stop. */
  queuePath?: string | null;
  /** Rules of the queues; without it, every queue has the defaults. */
  rules?: QueueRules;
  /** Reads the rules anew, for a client's `reload` and for `reload()`; without it, there is nothing to reload. */
  loadRules?: () => Promise<QueueRules>;
  /** Bounds on what clients can make the server keep; each has its default. */
  limits?: Partial<Omit<ConnectionLimits, "itemBytesMax">>;
  /** Without it, the server says nothing. */
  logger?: Logger;
  clock?: Clock;
  disk?: Disk;
}

type Parts = Required<Pick<KestrelServerOptions, "clock" | "logger" | "loadRules">>;

const noRules = (): Promise<QueueRules> =>
  Promise.reject(new Error("the server runs without a settings file"));

/** Where the server listens, by protocol. */
export interface Listeners {
  readonly memcache?: { readonly host: string; readonly port: number };
}

/** Unless set: more would not fit into what a process may usually open. */
const connectionsMaxDefault = 20_000;

export class KestrelServer implements AsyncDisposable {
  /** The queues, for the program that embeds the server. */
  readonly queues: EmbeddedQueues;
  readonly #queues: QueueCollection;
  readonly #loadRules: () => Promise<QueueRules>;
  readonly #logger: Logger;
  readonly #host: SessionHost;
  #memcache: Listener | null = null;
  #stopping: Promise<void> | null = null;
  #settleStopped: (stopping: Promise<void>) => void = () => {};
  /** Settles as `stop()` does, whoever asked for the stop. */
  readonly stopped: Promise<void>;

  private constructor(queues: QueueCollection, turn: Turn, settings: ServerSettings, parts: Parts) {
    const { clock, logger, loadRules } = parts;
    this.#queues = queues;
    this.#loadRules = loadRules;
    this.#logger = logger;
    this.#host = {
      queues,
      turn,
      clock,
      counters: new Counters(clock.now()),
      timings: new Timings(),
      controls: this.#controls(),
      lentReads: new LentReads(clock),
      maxOpenTransactions: settings.maxOpenTransactions,
    };
    this.queues = new EmbeddedQueues(this.#host);
    this.stopped = new Promise((resolve) => {
      this.#settleStopped = resolve;
    });
    // Not everybody listens to it; `stop()` tells those who ask.
    this.stopped.catch(() => {});
  }

  /**
   * Recovers the queues and listens. Rejects when the spool folder is in use or can't be read, or when a port
   * can't be had; then nothing is left behind.
   */
  static async start(options: KestrelServerOptions = {}): Promise<KestrelServer> {
    const { queuePath, rules = new QueueRules(), loadRules = noRules, limits = {}, ...others } = options;
    const { clock = systemClock, disk = new NodeDisk(), logger = silentLogger, ...given } = others;
    const settings: ServerSettings = { ...defaultServerSettings, ...given };
    const turn = new Turn();
    const queues = await QueueCollection.start({
      spoolPath: queuePath === undefined ? settings.queuePath : queuePath,
      disk,
      clock,
      turn,
      logger,
      rules,
      memoryBytesMax: settings.maxMemoryBytes,
      ...(settings.expirationTimerFrequencyMs === null
        ? {}
        : { sweepPeriodMs: settings.expirationTimerFrequencyMs }),
    });
    const server = new KestrelServer(queues, turn, settings, { clock, logger, loadRules });
    try {
      await server.#listen(settings, {
        ...defaultConnectionLimits,
        ...limits,
        itemBytesMax: settings.maxItemSizeBytes,
      });
    } catch (error) {
      await queues.stop();
      throw error;
    }
    return server;
  }

  async #listen(settings: ServerSettings, limits: ConnectionLimits): Promise<void> {
    if (settings.memcachePort === null) return;
    const { clock } = this.#host;
    const memcache = { clock, limits, keys: new KeyCache() };
    const host: ListenerHost = {
      ...this.#host,
      limits,
      outputs: new OutputPool(),
      bodyMemory: new BodyMemory(
        Math.max(limits.bodyBytesMax, limits.itemBytesMax),
        limits.bodyStallMs,
        clock,
      ),
      logger: this.#logger,
      makeCodec: (firstByte, wire) => makeMemcacheCodec(firstByte, wire, memcache),
    };
    this.#memcache = await Listener.start(
      {
        host: settings.listenAddress,
        port: settings.memcachePort,
        backlog: settings.connectionBacklog,
        connectionsMax: settings.maxConnections ?? connectionsMaxDefault,
      },
      host,
    );
  }

  get listeners(): Listeners {
    return this.#memcache === null ? {} : { memcache: this.#memcache.address };
  }

  #controls(): ServerControls {
    return {
      status: "UP",
      takesWrites: true,
      takesReads: true,
      setStatus(status) {
        if (status.toUpperCase() === "UP") return;
        throw new KestrelError("bad-request", `there is no status ${status}`);
      },
      reload: () => this.reload(),
      shutdown: () => {
        // Not under the feet of the connection that asks for it.
        setImmediate(() => this.stop().catch(() => {}));
      },
      describeQueues: () => this.#describeQueues(),
    };
  }

  #describeQueues(): StatisticGroup[] {
    return this.#queues
      .names()
      .map((queue) => ({ queue, statistics: renderSettings(this.#queues.rules.settingsFor(queue)) }));
  }

  /** New rules for queues and aliases. Rejects, and has changed nothing, when they can't be read. */
  async reload(): Promise<void> {
    try {
      this.#queues.applyRules(await this.#loadRules());
      this.#logger.info({}, "reloaded the rules of the queues");
    } catch (error) {
      this.#logger.error({ err: error }, "cannot reload: the rules stay as they are");
      throw error;
    }
  }

  /**
   * Stops cleanly: no new connections; answers given so far go out; open reads go back; the journals are closed.
   */
  stop(): Promise<void> {
    if (this.#stopping === null) {
      this.#stopping = this.#stop();
      this.#settleStopped(this.#stopping);
    }
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#logger.info({}, "stopping");
    await this.#memcache?.stop();
    await this.#queues.stop();
    this.#logger.info({}, "stopped");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
