// Fake nodes and a client over them, for the length of one test.

import { KestrelClusterClient } from "../cluster-client.ts";
import { KestrelClientError } from "../errors.ts";
import type { ClusterOptions } from "../options.ts";
import { FakeKestrel } from "./fake-kestrel.ts";

export class ClusterFixture implements AsyncDisposable {
  readonly nodes: FakeKestrel[];
  readonly client: KestrelClusterClient;

  private constructor(nodes: FakeKestrel[], client: KestrelClusterClient) {
    this.nodes = nodes;
    this.client = client;
  }

  static async start(length: number, options: Partial<ClusterOptions> = {}): Promise<ClusterFixture> {
    const nodes = await Promise.all(Array.from({ length }, () => FakeKestrel.start()));
    const client = new KestrelClusterClient({
      servers: nodes.map(({ address }) => address),
      timeoutMs: 5_000,
      retry: { minMs: 10, maxMs: 100 },
      search: { minMs: 10, maxMs: 50 },
      ...options,
    });
    return new ClusterFixture(nodes, client);
  }

  /** The node where hash would place the queue. */
  homeOf(queue: string): FakeKestrel {
    return this.nodes.find(({ address }) => address === this.client.nodeFor(queue))!;
  }

  /** All items of the queue that are on any node and not open. */
  left(queue: string): string[] {
    return this.nodes.flatMap((node) => node.items(queue));
  }

  openLength(queue: string): number {
    return this.nodes.reduce((sum, node) => sum + node.openLength(queue), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    for (const node of this.nodes) await node.stop();
  }
}

/** The code of the error that a promise is rejected with, or what else came of it. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `resolved with ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof KestrelClientError ? error.code : `rejected with ${error}`),
  );
}

export function range(length: number): string[] {
  return Array.from({ length }, (_, index) => `${index}`);
}
