/**
 * A ZooKeeper in memory, with sessions, entries that go with them, and watches. Does at once what it is asked, unless a
 * test says otherwise. For the tests of all packages, and not packed. It takes the package by its name, as those do
 * whom it is put under: its errors must be of the class that they know.
 */
import {
  type ConnectZookeeper,
  type ZookeeperAclEntry,
  type ZookeeperConnection,
  ZookeeperError,
  type ZookeeperSession,
  type ZookeeperStat,
} from "@kestrel-mq/zookeeper";

const noOwner = "0".repeat(16);

export class FakeZookeeper {
  /** By path, in the order in which they were made. */
  readonly nodes: Map<string, { readonly data: Buffer; readonly owner: string }> = new Map();
  /** What changed something, and each attempt to connect: "connect a:1", "create /k/read/member_0000000000". */
  readonly log: string[] = [];
  /** How attempts to connect fail; undefined: they don't. */
  refusal: "unreachable" | "dropped" | undefined;
  /** Called before each request is carried out, and after it; what it throws is the answer. */
  fault: (request: string, when: "before" | "after") => void = () => {};
  readonly #sessions = new Set<string>();
  readonly #connections = new Set<FakeConnection>();
  #watches: { readonly path: string; readonly onChange: () => void; readonly owner: FakeConnection }[] = [];
  #nextSession = 1;
  #nextNumber = 0;

  readonly connect: ConnectZookeeper = async ({ host, port }, signal, session) => {
    await Promise.resolve();
    this.log.push(`connect ${host}:${port}`);
    if (signal.aborted) throw new ZookeeperError("unreachable", "given up");
    // A server that has lost its data turns away only who has seen them.
    const isRefused = this.refusal === "unreachable" || (this.refusal === "dropped" && session !== undefined);
    if (isRefused) throw new ZookeeperError(this.refusal!, this.refusal!);
    const known = session?.id.toString("hex");
    if (known !== undefined && !this.#sessions.has(known)) throw new ZookeeperError("expired", "expired");
    const owner = known ?? (this.#nextSession++).toString(16).padStart(16, "0");
    this.#sessions.add(owner);
    const connection = new FakeConnection(this, owner);
    this.#connections.add(connection);
    return connection;
  };

  /** The names in a folder. */
  names(folder: string): string[] {
    const prefix = `${folder}/`;
    const paths = [...this.nodes.keys()].filter((path) => path.startsWith(prefix));
    return paths.map((path) => path.slice(prefix.length)).filter((name) => !name.includes("/"));
  }

  /** Ends all connections; the sessions go on. */
  cut(): void {
    for (const connection of [...this.#connections]) connection.end();
  }

  /** Ends all sessions, connections or not; their entries go. */
  expire(): void {
    const owners = [...this.#sessions];
    this.#sessions.clear();
    this.cut();
    for (const owner of owners) this.removeOwned(owner);
  }

  /** Makes a node that stays, whether or not there is a folder for it. */
  add(path: string, data = "", owner: string = noOwner): void {
    this.nodes.set(path, { data: Buffer.from(data), owner });
    this.#changed(path);
  }

  drop(path: string): boolean {
    if (!this.nodes.delete(path)) return false;
    this.#changed(path);
    return true;
  }

  removeOwned(owner: string): void {
    for (const [path, node] of [...this.nodes]) if (node.owner === owner) this.drop(path);
  }

  ended(connection: FakeConnection, isClosed: boolean): void {
    this.#connections.delete(connection);
    this.#watches = this.#watches.filter(({ owner }) => owner !== connection);
    if (!isClosed || !this.#sessions.delete(connection.owner)) return;
    this.removeOwned(connection.owner);
  }

  watch(path: string, onChange: (() => void) | undefined, owner: FakeConnection): void {
    if (onChange !== undefined) this.#watches.push({ path, onChange, owner });
  }

  create(path: string, data: Buffer, owner: string): string {
    const isNumbered = owner !== noOwner;
    const folder = path.slice(0, path.lastIndexOf("/"));
    if (folder !== "" && !this.nodes.has(folder)) throw new ZookeeperError("NO_NODE", "NO_NODE");
    const full = isNumbered ? `${path}${String(this.#nextNumber++).padStart(10, "0")}` : path;
    if (this.nodes.has(full)) throw new ZookeeperError("NODE_EXISTS", "NODE_EXISTS");
    this.add(full, data.toString(), owner);
    return full;
  }

  #changed(path: string): void {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const isMeant = (watch: { readonly path: string }): boolean =>
      watch.path === path || watch.path === folder;
    const meant = this.#watches.filter(isMeant);
    this.#watches = this.#watches.filter((watch) => !isMeant(watch));
    for (const { onChange } of meant) onChange();
  }
}

class FakeConnection implements ZookeeperConnection {
  readonly owner: string;
  readonly #zookeeper: FakeZookeeper;
  readonly ended: Promise<ZookeeperError>;
  readonly silenceMs = 0;
  failure: ZookeeperError | undefined;
  #resolveEnded: (error: ZookeeperError) => void = () => {};

  constructor(zookeeper: FakeZookeeper, owner: string) {
    this.#zookeeper = zookeeper;
    this.owner = owner;
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get session(): ZookeeperSession {
    return {
      id: Buffer.from(this.owner, "hex"),
      password: Buffer.alloc(16),
      zxid: Buffer.alloc(8),
      timeoutMs: 10_000,
    };
  }

  end(isClosed = false): void {
    if (this.failure !== undefined) return;
    this.failure = new ZookeeperError("lost", "the connection has ended");
    this.#zookeeper.ended(this, isClosed);
    this.#resolveEnded(this.failure);
  }

  create(
    path: string,
    data: Buffer,
    _acl: readonly ZookeeperAclEntry[],
    kind: "persistent" | "ephemeral-sequential",
  ): Promise<string> {
    return this.#ask(`create ${path}`, () => {
      const made = this.#zookeeper.create(path, data, kind === "persistent" ? noOwner : this.owner);
      this.#zookeeper.log.push(`create ${made}`);
      return made;
    });
  }

  remove(path: string): Promise<boolean> {
    return this.#ask(`remove ${path}`, () => {
      this.#zookeeper.log.push(`remove ${path}`);
      return this.#zookeeper.drop(path);
    });
  }

  stat(path: string, onChange?: () => void): Promise<ZookeeperStat | null> {
    return this.#ask(`stat ${path}`, () => {
      this.#zookeeper.watch(path, onChange, this);
      const node = this.#zookeeper.nodes.get(path);
      return node === undefined ? null : { owner: node.owner };
    });
  }

  children(path: string, onChange?: () => void): Promise<string[] | null> {
    return this.#ask(`children ${path}`, () => {
      this.#zookeeper.watch(path, onChange, this);
      return this.#zookeeper.nodes.has(path) ? this.#zookeeper.names(path) : null;
    });
  }

  data(path: string): Promise<Buffer | null> {
    return this.#ask(`data ${path}`, () => this.#zookeeper.nodes.get(path)?.data ?? null);
  }

  async #ask<T>(request: string, carryOut: () => T): Promise<T> {
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    this.#zookeeper.fault(request, "before");
    const answer = carryOut();
    this.#zookeeper.fault(request, "after");
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return answer;
  }

  async close(): Promise<void> {
    this.end(true);
  }
}
