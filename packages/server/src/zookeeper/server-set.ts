/** One server set in ZooKeeper: a folder with an entry for each of its members, which goes with the member's session. */
import type { ZookeeperAclEntry, ZookeeperConnection, ZookeeperError } from "@kestrel-mq/zookeeper";

/** Whether ZooKeeper, or the way to it, failed with this code. By name: the class is loaded only where it is needed. */
export function isZookeeperError(error: unknown, code: string): boolean {
  return error instanceof Error && error.name === "ZookeeperError" && (error as ZookeeperError).code === code;
}

const memberPrefix = "member_";

export class ServerSet {
  readonly #path: string;
  readonly #acl: readonly ZookeeperAclEntry[];

  constructor(path: string, acl: readonly ZookeeperAclEntry[]) {
    this.#path = path;
    this.#acl = acl;
  }

  /** Makes an entry, and the path to it if need be. Gives the entry's path. */
  async join(connection: ZookeeperConnection, member: string): Promise<string> {
    const create = (): Promise<string> => {
      const path = `${this.#path}/${memberPrefix}`;
      return connection.create(path, Buffer.from(member), this.#acl, "ephemeral-sequential");
    };
    try {
      return await create();
    } catch (error) {
      if (!isZookeeperError(error, "NO_NODE")) throw error;
      await this.#makeFolder(connection, this.#path);
      return await create();
    }
  }

  /** From the leaf up: we may have no right to create what is there already. */
  async #makeFolder(connection: ZookeeperConnection, path: string): Promise<void> {
    const create = (): Promise<string> => connection.create(path, Buffer.alloc(0), this.#acl, "persistent");
    try {
      await create();
    } catch (error) {
      if (isZookeeperError(error, "NODE_EXISTS")) return;
      const parent = path.slice(0, path.lastIndexOf("/"));
      if (!isZookeeperError(error, "NO_NODE") || parent === "") throw error;
      await this.#makeFolder(connection, parent);
      await this.#makeFolder(connection, path);
    }
  }

  /** The paths of the entries whose owners, sessions in hexadecimal, are meant. */
  async entriesOf(connection: ZookeeperConnection, isMeant: (owner: string) => boolean): Promise<string[]> {
    const names = (await connection.children(this.#path)) ?? [];
    const paths = names
      .filter((name) => name.startsWith(memberPrefix))
      .map((name) => `${this.#path}/${name}`);
    const stats = await Promise.all(paths.map((path) => connection.stat(path)));
    return paths.filter((_, index) => isMeant(stats[index]?.owner ?? ""));
  }
}
