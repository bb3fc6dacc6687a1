/**
 * A node: queues, and the ports on which they are reached. Everything of one process may be here more than once;
 * signals, flags and exit codes belong to `main.ts`.
 */
import { hostname } from "node:os";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { AdminServer } from "./admin/admin-server.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Disk, NodeDisk } from "./disk.ts";
import { Turn } from "./journal/turn.ts";
import { warnOfOldJournals } from "./kestrel2/old-journals.ts";
import { doorNames, type TlsSettings, type UserSettings } from "./locks/lock-settings.ts";
import { Locks } from "./locks/locks.ts";
import { readTls, type TlsDoors } from "./locks/tls.ts";
import { warnOfOldCertificates, warnOfOpenDoors } from "./locks/warnings.ts";
import { type Logger, silentLogger } from "./logging.ts";
import { Timings } from "./metrics/timings.ts";
import { NodeControls } from "./node-controls.ts";
import { type Address, Doors, type Protocol } from "./protocol/doors.ts";
import { type ConnectionLimits, defaultConnectionLimits } from "./protocol/limits.ts";
import { QueueCollection } from "./queue/queue-collection.ts";
import { EmbeddedQueues } from "./session/embedded-queues.ts";
import { GatheredMemory } from "./session/gathered-memory.ts";
import { LentReads } from "./session/lent-reads.ts";
import type { SessionHost } from "./session/session.ts";
import { QueueRules } from "./settings/queue-rules.ts";
import { defaultServerSettings, type ServerSettings } from "./settings/server-settings.ts";
import { Counters } from "./stats/counters.ts";
import { NodeStatus } from "./status/node-status.ts";
import { StatusFile } from "./status/status-file.ts";
import type { Announcement } from "./zookeeper/announcement.ts";
import type { Announcer } from "./zookeeper/announcer.ts";

/** The server's settings, each with its default, and what only a program can give. */
export interface KestrelServerOptions extends Partial<Omit<ServerSettings, "queuePath">> {
  /** Folder of the journals; null: memory only, nothing survives a stop. */
  queuePath?: string | null;
  /** Rules of the queues; without it, every queue has the defaults. */
  rules?: QueueRules;
  /** Reads the settings anew, for a client's `reload` and for `reload()`; without it, there is nothing to reload. */
  loadSettings?: () => Promise<ReloadedSettings>;
  /** Bounds on what clients can make the server keep; each has its default. */
  limits?: Partial<Omit<ConnectionLimits, "itemBytesMax" | "idleMsMax">>;
  /** Without it, the server says nothing. */
  logger?: Logger;
  /** Where all times and timers come from. The system's; tests give one that they move themselves. */
  clock?: Clock;
  /** Where journals and status are kept. This machine's file system; tests give one that fails when they say so. */
  disk?: Disk;
}

/** What holds after a reload; what is left out stays as it is. Of a settings file, more is read than that. */
export interface ReloadedSettings {
  readonly queues: QueueRules;
  readonly server?: Partial<Pick<ServerSettings, "users" | "tls">>;
}

interface Parts extends Required<Pick<KestrelServerOptions, "clock" | "logger" | "loadSettings">> {
  readonly queues: QueueCollection;
  readonly turn: Turn;
  readonly status: NodeStatus;
  readonly locks: Locks;
  readonly tls: TlsDoors;
}

/** Of a server that was not told where its settings come from: there may be new certificates in the old files. */
async function reloadNothing(settings: ServerSettings, queues: QueueRules): Promise<ReloadedSettings> {
  if (doorNames.some((door) => settings.tls[door] !== null)) return { queues };
  throw new Error("the server runs without a settings file");
}

/** Where the server listens, by protocol; those that are off are left out. */
export type Listeners = Readonly<Partial<Record<Protocol | "admin", Address>>>;

/** A program that embeds a server does not open ports that it knows nothing of. */
const closedUnlessAsked: Pick<ServerSettings, "textPort" | "thriftPort" | "adminPort"> = {
  textPort: null,
  thriftPort: null,
  adminPort: null,
};

export class KestrelServer implements AsyncDisposable {
  /** The queues, for the program that embeds the server. */
  readonly queues: EmbeddedQueues;
  /** What the node accepts now; others may follow its changes. */
  readonly status: NodeStatus;
  readonly #queues: QueueCollection;
  readonly #locks: Locks;
  #tlsSettings: TlsSettings;
  #tls: TlsDoors;
  readonly #loadSettings: () => Promise<ReloadedSettings>;
  readonly #logger: Logger;
  readonly #host: SessionHost;
  #doors: Doors | null = null;
  #admin: AdminServer | null = null;
  #announcer: Announcer | null = null;
  /** Of the last reload. */
  #reloading: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;
  #settleStopped: (stopping: Promise<void>) => void = () => {};
  /** Settles as `stop()` does, whoever asked for the stop. */
  readonly stopped: Promise<void>;
  readonly #stopBegins: AbortController = new AbortController();
  /** Aborted when a stop begins, whoever asked for it. */
  readonly stopping: AbortSignal = this.#stopBegins.signal;

  private constructor(parts: Parts, settings: ServerSettings) {
    const { queues, turn, status, locks, tls, clock, logger, loadSettings } = parts;
    this.status = status;
    status.onChange(({ takesReads }) => {
      if (!takesReads) queues.dismissWaiters();
    });
    this.#queues = queues;
    this.#loadSettings = loadSettings;
    this.#logger = logger;
    this.#locks = locks;
    this.#tlsSettings = settings.tls;
    this.#tls = tls;
    this.#host = {
      queues,
      turn,
      clock,
      counters: new Counters(clock.now()),
      timings: new Timings(),
      controls: new NodeControls({
        queues,
        status,
        reload: () => this.reload(),
        stop: () => this.stop(),
      }),
      lentReads: new LentReads(clock),
      gatheredMemory: new GatheredMemory(),
      locks,
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
   * Recovers the queues and listens. Rejects when the spool folder is in use or can't be read, when a port can't be
   * had, or when the node could not be announced as the settings have it; then nothing is left behind.
   */
  static async start(options: KestrelServerOptions = {}): Promise<KestrelServer> {
    const { queuePath, rules = new QueueRules(), limits = {}, ...others } = options;
    const { clock = systemClock, disk = new NodeDisk(), logger = silentLogger, ...given } = others;
    const settings: ServerSettings = { ...defaultServerSettings, ...closedUnlessAsked, ...given };
    const { loadSettings = () => reloadNothing(settings, rules) } = options;
    const spoolPath = queuePath === undefined ? settings.queuePath : queuePath;
    const locks = new Locks({ users: settings.users, rules, clock, logger });
    const tls = await readTls(settings.tls);
    const announcement = await prepareAnnouncement(settings);
    const turn = new Turn();
    const queues = await QueueCollection.start({
      spoolPath,
      disk,
      clock,
      turn,
      logger,
      rules,
      memoryBytesMax: settings.maxMemoryBytes,
      sweepPeriodMs: settings.expirationTimerFrequencyMs,
    });
    if (spoolPath !== null) warnOfOldJournals(spoolPath, disk, logger);
    const status = new NodeStatus({
      file: findStatusFile(settings, spoolPath, disk),
      defaultStatus: settings.defaultStatus,
      gracePeriodMs: settings.statusChangeGracePeriodMs,
      clock,
      logger,
    });
    const parts = { queues, turn, status, locks, tls, clock, logger, loadSettings };
    const server = new KestrelServer(parts, settings);
    try {
      const bounds = {
        ...defaultConnectionLimits,
        ...limits,
        itemBytesMax: settings.maxItemSizeBytes,
        idleMsMax: settings.clientTimeoutMs,
      };
      server.#doors = await Doors.start(settings, bounds, server.#host, logger, tls);
      server.#announcer = announcement?.createAnnouncer(server.listeners, status, clock, logger) ?? null;
      await server.#listenAdmin(settings);
    } catch (error) {
      await server.#doors?.stop();
      await queues.stop();
      throw error;
    }
    warnOfOpenDoors(server.listeners, locks, tls, logger);
    warnOfOldCertificates(tls, clock.now(), logger);
    server.#announcer?.start();
    return server;
  }

  /** What the admin port needs is loaded only when it is on. */
  async #listenAdmin({ adminPort, listenAddress, metricsQueuesMax }: ServerSettings): Promise<void> {
    if (adminPort === null) return;
    const { AdminServer } = await import("./admin/admin-server.ts");
    const port = this.listeners.memcache?.port;
    const name = port === undefined ? hostname() : `${hostname()}:${port}`;
    const options = {
      host: listenAddress,
      port: adminPort,
      name,
      metricsQueuesMax,
      announcer: this.#announcer,
      tls: this.#tls.admin,
    };
    this.#admin = await AdminServer.start(options, this.#host, this.#logger);
  }

  /** Where it listens, by protocol. */
  get listeners(): Listeners {
    return { ...this.#doors?.addresses, ...(this.#admin === null ? {} : { admin: this.#admin.address }) };
  }

  /**
   * New rules for queues and aliases, new users, and the files for TLS, one reload after the other. Rejects, and has
   * changed nothing, when they can't be read.
   */
  reload(): Promise<void> {
    const reload = this.#reloading.then(() => this.#reload());
    // A failure is for whoever asked for that reload.
    this.#reloading = reload.catch(() => {});
    return reload;
  }

  async #reload(): Promise<void> {
    let rules: QueueRules;
    try {
      const { queues, server = {} } = await this.#loadSettings();
      rules = queues;
      const tls = await readTls(server.tls ?? this.#tlsSettings);
      this.#changeLocks(server.users ?? this.#locks.users, rules);
      this.#tlsSettings = server.tls ?? this.#tlsSettings;
      this.#renewTls(tls);
    } catch (error) {
      this.#logger.error({ err: error }, "cannot reload: everything stays as it is");
      throw error;
    }
    try {
      this.#queues.applyRules(rules);
    } catch (error) {
      this.#logger.error(
        { err: error },
        "the new rules hold, but not every configured fanout can be created",
      );
      throw error;
    }
    const restart = this.#queues.queuesToRestart();
    if (restart.length > 0) {
      this.#logger.warn(
        { queues: restart },
        "the keepJournal of these queues has changed: it needs a restart",
      );
    }
    this.#logger.info(
      { queues: rules.queueNames.length, aliases: rules.aliasNames.length },
      "reloaded the rules of the queues",
    );
  }

  /** Whoever waits asks again, and is told what is allowed now. */
  #changeLocks(users: readonly UserSettings[], rules: QueueRules): void {
    const wasOpen = this.#locks.isOpen;
    const isSame = isDeepStrictEqual(users, this.#locks.users);
    this.#locks.change(users, rules);
    if (!(wasOpen && this.#locks.isOpen)) this.#queues.dismissWaiters();
    if (isSame) return;
    this.#logger.info({ users: users.length }, "reloaded the users");
    warnOfOpenDoors(this.listeners, this.#locks, this.#tls, this.#logger);
  }

  /** For connections to come; those there are stay as they are. */
  #renewTls(tls: TlsDoors): void {
    const ports = Object.keys(this.#tls) as (keyof TlsDoors)[];
    if (ports.length === 0) return;
    this.#tls = Object.fromEntries(ports.map((port) => [port, tls[port] ?? this.#tls[port]]));
    this.#doors?.renewTls(this.#tls);
    if (this.#tls.admin !== undefined) this.#admin?.renewTls(this.#tls.admin);
    this.#logger.info({ ports }, "reloaded the certificates");
    warnOfOldCertificates(this.#tls, this.#host.clock.now(), this.#logger);
  }

  /**
   * Stops cleanly: out of the server sets; no new connections; answers given so far go out; open reads go back; the
   * journals are closed.
   */
  stop(): Promise<void> {
    if (this.#stopping === null) {
      this.#stopBegins.abort();
      this.#stopping = this.#stop();
      this.#settleStopped(this.#stopping);
    }
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#logger.info({}, "stopping");
    await this.#announcer?.stop();
    await Promise.all([this.#doors?.stop(), this.#admin?.stop()]);
    this.status.stop();
    await this.#queues.stop();
    this.#logger.info({}, "stopped");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** What the announcing needs is loaded only where there is some. Rejects when it can't work. */
async function prepareAnnouncement({
  zookeeper,
  listenAddress,
}: ServerSettings): Promise<Announcement | null> {
  if (zookeeper === null) return null;
  const { Announcement } = await import("./zookeeper/announcement.ts");
  return await Announcement.prepare(zookeeper, listenAddress);
}

function findStatusFile(
  { statusFile }: ServerSettings,
  spoolPath: string | null,
  disk: Disk,
): StatusFile | null {
  const file = statusFile ?? (spoolPath === null ? null : path.join(spoolPath, ".kestrel-status"));
  return file === null ? null : new StatusFile(file, disk);
}
