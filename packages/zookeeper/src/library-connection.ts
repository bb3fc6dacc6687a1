/**
 * One connection to one ZooKeeper server. node-zookeeper-client does the talking; this file knows its sharp edges, and
 * alone does. The library would go on with what is left of a broken connection, wait for ever for a server that has
 * fallen silent, and throw where nothing of ours catches it, so a connection that fails in any way is given up here for
 * good; whoever wants to go on with its session opens another.
 */
import type { Socket } from "node:net";
import type { Client, Event } from "node-zookeeper-client";
import type {
  ZookeeperAclEntry,
  ZookeeperAddress,
  ZookeeperConnection,
  ZookeeperOptions,
  ZookeeperSession,
  ZookeeperStat,
} from "./connection.ts";
import { ZookeeperError } from "./zookeeper-error.ts";

export type Library = typeof import("node-zookeeper-client");

/** The parts of the library's inside that are used here, as of 1.1.3. */
interface Manager {
  socket: Socket | undefined;
  zxid: Buffer;
  pendingBuffer: Buffer | null;
  connectTimeoutHandler: NodeJS.Timeout | null;
  connect(): void;
  findNextServer(callback: (server: ZookeeperAddress) => void): void;
  onSocketData(data: Buffer): void;
}

const permissionBits: Readonly<Record<string, number>> = { r: 1, w: 2, c: 4, d: 8, a: 16 };
/** ZooKeeper's own limit on what it sends is 1 MB, and can be set. */
const answerBytesMax = 8 * 1024 * 1024;
const closeMs = 1_000;

/** To be opened before anything else is done with it. */
export class LibraryConnection implements ZookeeperConnection {
  readonly #library: Library;
  readonly #client: Client;
  readonly #manager: Manager;
  readonly #pending = new Set<(error: ZookeeperError) => void>();
  readonly ended: Promise<ZookeeperError>;
  #resolveEnded: (error: ZookeeperError) => void = () => {};
  #failure: ZookeeperError | undefined;
  #heardAt = performance.now();
  #watchdog: NodeJS.Timeout | undefined;

  constructor(library: Library, options: ZookeeperOptions, session: ZookeeperSession | undefined) {
    this.#library = library;
    const { sessionTimeoutMs, credentials } = options;
    const resumed = session && { sessionId: session.id, sessionPassword: session.password };
    // The address is given below: the library can't read all that there are.
    this.#client = library.createClient("localhost", { sessionTimeout: sessionTimeoutMs, ...resumed });
    this.#manager = (this.#client as unknown as { connectionManager: Manager }).connectionManager;
    if (session !== undefined) this.#manager.zxid = session.zxid;
    if (credentials !== null) {
      this.#client.addAuthInfo("digest", Buffer.from(`${credentials.username}:${credentials.password}`));
    }
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /** Rejects with ZookeeperError after `openMs` milliseconds at the latest, and at once when aborted. */
  async open(address: ZookeeperAddress, signal: AbortSignal, openMs: number): Promise<void> {
    const giveUp = (reason: string): void => this.#end(new ZookeeperError("unreachable", reason));
    const abort = (): void => giveUp("given up");
    const client = this.#client;
    const manager = this.#manager;
    manager.findNextServer = (callback) => callback(address);
    manager.onSocketData = (data) => this.#read(data);
    const opened = new Promise<void>((resolve, reject) => {
      client.once("connected", resolve);
      client.once("expired", () => this.#end(new ZookeeperError("expired", "the session has expired")));
      this.#pending.add(reject);
    });
    client.once("authenticationFailed", () =>
      this.#end(new ZookeeperError("AUTH_FAILED", "ZooKeeper does not accept the credentials")),
    );
    client.connect();
    // Connecting anew is ours to decide.
    manager.connect = () => {};
    this.#follow(manager.socket!, `${address.host}:${address.port}`);
    const timer = setTimeout(() => giveUp(`no answer within ${openMs} ms`), openMs);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      await opened;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      this.#pending.clear();
    }
    this.#watch();
  }

  #follow(socket: Socket, name: string): void {
    let isReached = false;
    let failure: Error | undefined;
    socket.once("connect", () => {
      isReached = true;
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", () => {
      const code = this.#watchdog !== undefined ? "lost" : isReached ? "dropped" : "unreachable";
      const reason = failure?.message ?? "the server closed the connection";
      this.#end(new ZookeeperError(code, `${name}: ${reason}`, { cause: failure }));
    });
  }

  /** The library throws at what it doesn't expect, and trusts every size. */
  #read(data: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#heardAt = performance.now();
    const { onSocketData } = Object.getPrototypeOf(this.#manager) as Manager;
    try {
      onSocketData.call(this.#manager, data);
    } catch (error) {
      const message = `the answer makes no sense: ${(error as Error).message}`;
      this.#end(new ZookeeperError("lost", message, { cause: error }));
    }
    if ((this.#manager.pendingBuffer?.length ?? 0) > answerBytesMax) {
      this.#end(new ZookeeperError("lost", `an answer has more than ${answerBytesMax} bytes`));
    }
  }

  /** The library pings each third of the time-out, and doesn't mind if nothing comes back. */
  #watch(): void {
    const timeoutMs = this.#client.getSessionTimeout();
    this.#watchdog = setInterval(() => {
      if (this.silenceMs < (timeoutMs * 2) / 3) return;
      this.#end(new ZookeeperError("lost", `no sign of life for ${Math.round(this.silenceMs)} ms`));
    }, timeoutMs / 6).unref();
  }

  #end(error: ZookeeperError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearInterval(this.#watchdog);
    if (this.#manager.connectTimeoutHandler !== null) clearTimeout(this.#manager.connectTimeoutHandler);
    this.#manager.socket?.destroy();
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
    this.#resolveEnded(error);
  }

  get session(): ZookeeperSession {
    return {
      id: this.#client.getSessionId(),
      password: this.#client.getSessionPassword(),
      zxid: Buffer.from(this.#manager.zxid),
      timeoutMs: this.#client.getSessionTimeout(),
    };
  }

  get silenceMs(): number {
    return performance.now() - this.#heardAt;
  }

  get failure(): ZookeeperError | undefined {
    return this.#failure;
  }

  create(
    path: string,
    data: Buffer,
    acl: readonly ZookeeperAclEntry[],
    kind: "persistent" | "ephemeral-sequential",
  ): Promise<string> {
    const { ACL, CreateMode, Id } = this.#library;
    const entries = acl.map(({ scheme, id, permissions }) => {
      const bits = Array.from(permissions, (letter) => permissionBits[letter] ?? 0);
      return new ACL(
        bits.reduce((all, bit) => all | bit, 0),
        new Id(scheme, id),
      );
    });
    const mode = kind === "persistent" ? CreateMode.PERSISTENT : CreateMode.EPHEMERAL_SEQUENTIAL;
    return this.#ask((done) => this.#client.create(path, data, entries, mode, done));
  }

  async remove(path: string): Promise<boolean> {
    const removed = await this.#find<true>((done) => this.#client.remove(path, (error) => done(error, true)));
    return removed !== null;
  }

  async stat(path: string, onChange?: () => void): Promise<ZookeeperStat | null> {
    const stat = await this.#find<{ ephemeralOwner: Buffer } | null>((done) =>
      onChange === undefined
        ? this.#client.exists(path, done)
        : this.#client.exists(path, (_event: Event) => onChange(), done),
    );
    return stat === null ? null : { owner: stat.ephemeralOwner.toString("hex") };
  }

  async children(path: string, onChange?: () => void): Promise<string[] | null> {
    if (onChange === undefined) return this.#find<string[]>((done) => this.#client.getChildren(path, done));
    const children = await this.#find<string[]>((done) =>
      this.#client.getChildren(path, (_event: Event) => onChange(), done),
    );
    // Of a node that isn't there only its existence can be watched.
    if (children !== null || (await this.stat(path, onChange)) === null) return children;
    return this.children(path, onChange);
  }

  data(path: string): Promise<Buffer | null> {
    return this.#find((done) => this.#client.getData(path, (error, data) => done(error, data ?? emptyData)));
  }

  async #find<T>(send: (done: Callback<T>) => void): Promise<T | null> {
    try {
      return await this.#ask(send);
    } catch (error) {
      if (error instanceof ZookeeperError && error.code === "NO_NODE") return null;
      throw error;
    }
  }

  #ask<T>(send: (done: Callback<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#pending.add(reject);
      send((error, value) => {
        this.#pending.delete(reject);
        if (error) reject(requestError(error));
        else resolve(value);
      });
    });
  }

  async close(): Promise<void> {
    const closed = new ZookeeperError("lost", "the connection was closed");
    if (this.#failure !== undefined) return;
    this.#client.close();
    const timer = setTimeout(() => this.#end(closed), closeMs);
    await this.ended;
    clearTimeout(timer);
  }
}

const emptyData = Buffer.alloc(0);

/** The library's types promise a value that isn't there when there is an error. */
type Callback<T> = (error: Error | { getName(): string; message?: string } | null, value: T) => void;

function requestError(error: Error | { getName(): string; message?: string }): ZookeeperError {
  const code = "getName" in error ? error.getName() : "lost";
  // Its words for a connection that has ended.
  const isLost = code === "CONNECTION_LOSS" || code === "SESSION_EXPIRED";
  const message = error.message ?? code;
  return new ZookeeperError(isLost ? "lost" : code, message, { cause: error });
}
