/**
 * Keeps a node in the server sets of ZooKeeper that fit its status: `<pathPrefix>/read` and `<pathPrefix>/write`. It
 * goes by what should be there and what is, so that it makes no difference why the two differ: a status has changed,
 * a session has expired, somebody has deleted the entry. While ZooKeeper can't be reached it tries again and again,
 * and the node does without.
 */

import type { ConnectZookeeper, ZookeeperConnection, ZookeeperSession } from "@kestrel-mq/zookeeper";
import type { Clock, Timer } from "../clock.ts";
import type { Logger } from "../logging.ts";
import type { ZookeeperSettings } from "../settings/server-settings.ts";
import type { NodeStatus } from "../status/node-status.ts";
import { Membership, type SetName, type Step, setNames, setsOf } from "./membership.ts";
import { OutageLog } from "./outage-log.ts";
import { isZookeeperError, ServerSet } from "./server-set.ts";

export interface AnnouncerOptions {
  readonly settings: Pick<ZookeeperSettings, "servers" | "pathPrefix" | "sessionTimeoutMs" | "acl">;
  /** What is said of the node in each set. */
  readonly member: string;
  readonly status: NodeStatus;
  readonly connect: ConnectZookeeper;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How it is, for operators. */
export interface AnnouncerState {
  readonly isConnected: boolean;
  /** The sets that the node is in, as far as it knows. */
  readonly sets: readonly SetName[];
  /** What stands in the way at present; null when nothing does. */
  readonly problem: string | null;
}

const pauseMsMin = 200;
const pauseMsMax = 4_000;
/** How long a stop waits for ZooKeeper. Whatever is left there goes with the session. */
const stopMs = 2_000;

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #outages: OutageLog;
  readonly #sets: Readonly<Record<SetName, ServerSet>>;
  readonly #membership = new Membership();
  /** Owners of entries that we may have left behind: sessions that we know no end of. */
  readonly #formerOwners = new Set<string>();
  readonly #leaving = new Set<() => void>();
  #session: ZookeeperSession | undefined;
  /** When ZooKeeper lets go of the session, if it hears nothing more of us. */
  #lapse: Timer | undefined;
  #isLapsed = false;
  #connection: ZookeeperConnection | undefined;
  #serverIndex: number;
  #pauses = 0;
  readonly #stopping = new AbortController();
  #wake: () => void = () => {};
  #running: Promise<void> = Promise.resolve();

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.#outages = new OutageLog(options.clock, options.logger);
    const { pathPrefix, acl } = options.settings;
    this.#sets = {
      read: new ServerSet(`${pathPrefix}/read`, acl),
      write: new ServerSet(`${pathPrefix}/write`, acl),
    };
    this.#serverIndex = Math.floor(Math.random() * options.settings.servers.length);
  }

  /** Begins to announce the node, and goes on until it is stopped. Nothing waits for ZooKeeper. */
  start(): void {
    const { status } = this.#options;
    status.leaveFirst(() => this.#left());
    status.onChange(() => this.#wake());
    this.#running = this.#run();
  }

  get state(): AnnouncerState {
    return {
      isConnected: this.#connection !== undefined && this.#connection.failure === undefined,
      sets: this.#membership.sets,
      problem: this.#outages.problem,
    };
  }

  /** Takes the node out of its sets and ends the session; without ZooKeeper, which will notice, after two seconds. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#options.clock.after(stopMs, resolve);
    });
    await Promise.race([this.#running, late]);
    timer?.cancel();
    this.#lapse?.cancel();
    await this.#connection?.close();
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  get #wanted(): readonly SetName[] {
    return this.#isStopping ? [] : setsOf[this.#options.status.announced];
  }

  /**
   * Resolves when no client can find the node any more where its status says that it shouldn't; when ZooKeeper can't be
   * asked, or won't, once a session would have expired. Undefined when that is so already.
   */
  #left(): Promise<void> | undefined {
    if (this.#hasLeft) return undefined;
    const { clock, logger, settings } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.after(settings.sessionTimeoutMs, () => {
        logger.warn(
          { sets: this.#membership.visibleSets },
          "could not leave the server sets of ZooKeeper in time",
        );
        this.#leaving.delete(leave);
        resolve();
      });
      const leave = (): void => {
        timer.cancel();
        resolve();
      };
      this.#leaving.add(leave);
    });
  }

  get #hasLeft(): boolean {
    return this.#membership.isWithin(this.#wanted);
  }

  #tellWhoWaits(): void {
    if (!this.#hasLeft) return;
    for (const leave of this.#leaving) leave();
    this.#leaving.clear();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      try {
        const connection = await this.#connect();
        await this.#follow(connection);
      } catch (error) {
        if (this.#isStopping) return;
        this.#outages.failed(error as Error, this.#address);
        await this.#pause();
      }
    }
  }

  get #address(): string {
    const { servers } = this.#options.settings;
    const { host, port } = servers[this.#serverIndex % servers.length]!;
    return `${host}:${port}`;
  }

  /** Goes on with the session if it can be had, with a new one otherwise. */
  async #connect(): Promise<ZookeeperConnection> {
    const { settings, connect, logger } = this.#options;
    const { servers } = settings;
    const former = this.#session;
    try {
      const server = servers[this.#serverIndex % servers.length]!;
      this.#connection = await connect(server, this.#stopping.signal, former);
    } catch (error) {
      if (former !== undefined && isZookeeperError(error, "expired")) {
        logger.warn({ server: this.#address }, "the session with ZooKeeper has expired: beginning a new one");
        this.#forget();
        return this.#connect();
      }
      // A server that knows less than we have seen, since it has lost its data, turns the session away without a word.
      if (former !== undefined && isZookeeperError(error, "dropped") && this.#isLapsed) {
        this.#formerOwners.add(former.id.toString("hex"));
        this.#forget();
      }
      this.#serverIndex++;
      throw error;
    }
    try {
      await this.#takeUp(this.#connection, former);
      return this.#connection;
    } catch (error) {
      await this.#disconnect();
      throw error;
    }
  }

  async #takeUp(connection: ZookeeperConnection, former: ZookeeperSession | undefined): Promise<void> {
    this.#lapse?.cancel();
    this.#isLapsed = false;
    const { session } = connection;
    this.#session = session;
    if (former === undefined || !former.id.equals(session.id)) {
      this.#options.logger.info({ server: this.#address }, "connected to ZooKeeper");
      return;
    }
    this.#options.logger.info({ server: this.#address }, "connected to ZooKeeper again, in the same session");
    const owner = session.id.toString("hex");
    for (const set of setNames) {
      const [first, ...others] = await this.#sets[set].entriesOf(connection, (each) => each === owner);
      if (first === undefined) this.#drop(set);
      else this.#membership.hold(set, first);
      for (const path of others) await connection.remove(path);
    }
  }

  /** There is no such session any more, and so none of its entries. */
  #forget(): void {
    this.#session = undefined;
    this.#membership.clear();
    this.#tellWhoWaits();
  }

  #drop(set: SetName): void {
    this.#membership.drop(set);
    this.#tellWhoWaits();
  }

  /** Works until the connection ends, or the announcer does. */
  async #follow(connection: ZookeeperConnection): Promise<void> {
    try {
      for (;;) {
        const changed = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        try {
          await this.#reconcile(connection);
          this.#tellWhoWaits();
          await this.#removeLeftovers(connection);
          this.#pauses = 0;
          this.#outages.over(this.#membership.sets);
          if (this.#isStopping) return;
          await Promise.race([changed, connection.ended]);
        } catch (error) {
          if (connection.failure !== undefined || this.#isStopping) throw error;
          // ZooKeeper is there and won't: that may be mended there.
          this.#outages.failed(error as Error, this.#address);
          await this.#pause();
        }
        if (connection.failure !== undefined) throw connection.failure;
      }
    } finally {
      await this.#disconnect();
    }
  }

  /** The session may go on. Keeps in mind what is to be known of it when it doesn't. */
  async #disconnect(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    const { session, silenceMs } = connection;
    if (this.#session !== undefined) this.#session = session;
    await connection.close();
    if (this.#isStopping) return;
    this.#lapse = this.#options.clock.after(Math.max(0, session.timeoutMs - silenceMs), () => {
      this.#isLapsed = true;
      this.#membership.clear();
      this.#tellWhoWaits();
    });
  }

  async #reconcile(connection: ZookeeperConnection): Promise<void> {
    for (;;) {
      const step = this.#membership.nextStep(this.#wanted);
      if (step === undefined) return;
      await this.#take(step, connection);
    }
  }

  async #take(step: Step, connection: ZookeeperConnection): Promise<void> {
    const { set } = step;
    const { logger } = this.#options;
    switch (step.kind) {
      case "join": {
        this.#membership.join(set);
        const path = await this.#sets[set].join(connection, this.#options.member).catch((error) => {
          // If the connection broke, the entry may be there: that is found out later.
          if (!isZookeeperError(error, "lost")) this.#drop(set);
          throw error;
        });
        this.#membership.hold(set, path);
        logger.info({ set, path }, "joined a server set of ZooKeeper");
        return;
      }
      case "leave":
        await connection.remove(step.path);
        this.#drop(set);
        logger.info({ set, path: step.path }, "left a server set of ZooKeeper");
        return;
      case "check": {
        this.#membership.check(set);
        const stat = await connection.stat(step.path, () => {
          if (this.#membership.touch(set, step.path)) this.#wake();
        });
        if (stat !== null) return;
        logger.warn({ set, path: step.path }, "somebody deleted this node's entry in ZooKeeper");
        this.#drop(set);
      }
    }
  }

  /** A session that we gave up, and ZooKeeper didn't, would show the node twice. */
  async #removeLeftovers(connection: ZookeeperConnection): Promise<void> {
    if (this.#formerOwners.size === 0) return;
    for (const set of setNames) {
      const paths = await this.#sets[set].entriesOf(connection, (owner) => this.#formerOwners.has(owner));
      for (const path of paths) await connection.remove(path);
    }
    this.#formerOwners.clear();
  }

  /** Longer each time, never quite the same. A stop ends it. */
  async #pause(): Promise<void> {
    if (this.#isStopping) return;
    const pauseMs = Math.min(pauseMsMax, pauseMsMin * 2 ** this.#pauses++) * (1 - Math.random() / 2);
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(pauseMs, resolve);
      this.#wake = () => {
        if (!this.#isStopping) return;
        timer.cancel();
        resolve();
      };
    });
  }
}
