// One server set in ZooKeeper, as one session sees it. Entries never change, so each is read once.

import type { ZookeeperConnection } from "@kestrel-mq/zookeeper";
import type { TransportName } from "../options.ts";
import type { FoundNode } from "./source.ts";
import { parseMember } from "./zookeeper-member.ts";

const MEMBER_NAME = /^member_-?\d+$/;

export class MemberSet {
  readonly #connection: ZookeeperConnection;
  readonly #path: string;
  readonly #endpoint: TransportName;
  readonly #onChange: () => void;
  /** By the names of the entries; undefined for those that name no node for us. */
  #members = new Map<string, FoundNode | undefined>();
  #isStale = true;

  /** `onChange` is called when it is time to refresh. */
  constructor(connection: ZookeeperConnection, path: string, endpoint: TransportName, onChange: () => void) {
    this.#connection = connection;
    this.#path = path;
    this.#endpoint = endpoint;
    this.#onChange = onChange;
  }

  /** As of the last refresh. A node may be there more than once: an old entry outlives it for a while. */
  get nodes(): FoundNode[] {
    return [...this.#members.values()].filter((node) => node !== undefined);
  }

  /** Reads what has changed. Resolves with what is wrong with new entries; they are left out. */
  async refresh(): Promise<Error[]> {
    if (!this.#isStale) return [];
    this.#isStale = false;
    const names = await this.#connection.children(this.#path, () => {
      this.#isStale = true;
      this.#onChange();
    });
    const errors: Error[] = [];
    const known = this.#members;
    const members = new Map<string, FoundNode | undefined>();
    const read = async (name: string): Promise<void> => {
      const data = await this.#connection.data(`${this.#path}/${name}`);
      // It went between the two questions, and the next answer will know.
      if (data === null) return;
      try {
        members.set(name, parseMember(data, this.#endpoint));
      } catch (error) {
        members.set(name, undefined);
        errors.push(new Error(`${this.#path}/${name}: ${(error as Error).message}`, { cause: error }));
      }
    };
    const present = (names ?? []).filter((name) => MEMBER_NAME.test(name));
    for (const name of present) if (known.has(name)) members.set(name, known.get(name));
    await Promise.all(present.filter((name) => !known.has(name)).map(read));
    this.#members = members;
    return errors;
  }
}
