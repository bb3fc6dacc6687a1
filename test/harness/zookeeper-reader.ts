/** Looks into ZooKeeper with node-zookeeper-client alone, so that nothing of ours stands between a test and what is there. */

import { once } from "node:events";
import { type Client, createClient, type Exception } from "node-zookeeper-client";

export class ZookeeperReader implements AsyncDisposable {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(address: string): Promise<ZookeeperReader> {
    // It outlives every outage of a test.
    const client = createClient(address, { sessionTimeout: 60_000, spinDelay: 50, retries: 100 });
    client.connect();
    await once(client, "connected");
    return new ZookeeperReader(client);
  }

  /** The names in a folder, in their order; none if there is no such folder. */
  list(path: string): Promise<string[]> {
    return ask((done) =>
      this.#client.getChildren(path, (error, children) => {
        if (error !== null && (error as Exception).name === "NO_NODE") done(null, []);
        else done(error, children?.sort());
      }),
    );
  }

  /** The data of all members of a server set. */
  async members(path: string): Promise<string[]> {
    const names = await this.list(path);
    const data = await Promise.all(names.map((name) => this.read(`${path}/${name}`)));
    return data.filter((each) => each !== null);
  }

  /** Null: there is no such node. */
  read(path: string): Promise<string | null> {
    return ask((done) =>
      this.#client.getData(path, (error, data) => {
        if (error !== null && (error as Exception).name === "NO_NODE") done(null, null);
        else done(error, data?.toString());
      }),
    );
  }

  write(path: string, text: string): Promise<string> {
    return ask((done) => this.#client.create(path, Buffer.from(text), done));
  }

  /** Makes a folder and those above it. */
  makeFolder(path: string): Promise<string> {
    return ask((done) => this.#client.mkdirp(path, done));
  }

  remove(path: string): Promise<void> {
    return ask((done) => this.#client.remove(path, (error) => done(error, undefined)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
  }
}

function ask<T>(send: (done: (error: Error | Exception | null, value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    send((error, value) => (error ? reject(error) : resolve(value)));
  });
}
