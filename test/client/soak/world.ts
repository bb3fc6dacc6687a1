/**
 * Three real nodes, each behind a proxy, and all that can go wrong with them: killed, stopped, frozen, drained, cut off,
 * slowed down, their connections reset, half closed, or ended in the middle of a request or an answer. Each trouble
 * passes; calm() comes when all have.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { AdminConnection, type TransportName } from "@kestrel-mq/client";
import type { Random } from "../../crash/random.ts";
import { findFreePort } from "../../harness/free-port.ts";
import { KestrelNode } from "../../harness/kestrel-node.ts";
import { TempFolder } from "../../harness/temp-folder.ts";
import { FlakyProxy } from "../flaky-proxy.ts";

interface Place {
  readonly node: KestrelNode;
  readonly proxy: FlakyProxy;
}

const nodeCount = 3;

type Trouble = (place: Place, ms: number, random: Random) => Promise<void>;

const troubles: Record<string, Trouble> = {
  killed: async ({ node }, ms) => {
    await node.kill();
    await pause(ms);
    await node.start();
  },
  stopped: async ({ node }, ms) => {
    await node.stop();
    await pause(ms);
    await node.start();
  },
  frozen: async ({ node }, ms) => {
    process.kill(node.pid, "SIGSTOP");
    await pause(ms);
    process.kill(node.pid, "SIGCONT");
  },
  "read-only": ({ node }, ms) => drained(node, "readonly", ms),
  quiescent: ({ node }, ms) => drained(node, "quiescent", ms),
  silent: async ({ proxy }, ms) => {
    proxy.fallSilent();
    await pause(ms);
    proxy.pass();
  },
  slow: async ({ proxy }, ms, random) => {
    proxy.delay(random.whole(1, 150));
    await pause(ms);
    proxy.pass();
  },
  refusing: async ({ proxy }, ms) => {
    proxy.refuse();
    await pause(ms);
    await proxy.accept();
  },
  reset: async ({ proxy }) => proxy.resetAll(),
  "half closed": async ({ proxy }) => proxy.halfCloseAll(),
  "cut in a request": async ({ proxy }) => proxy.cutNext("request"),
  "cut in an answer": async ({ proxy }) => proxy.cutNext("answer"),
};

/** As an operator drains it, and brings it back. */
async function drained(node: KestrelNode, status: string, ms: number): Promise<void> {
  await using admin = new AdminConnection(node.address);
  await admin.lines(`status ${status}`);
  await pause(ms);
  await admin.lines("status up");
}

export class World implements AsyncDisposable {
  /** How often each trouble came. */
  readonly counts: Map<string, number> = new Map(Object.keys(troubles).map((name) => [name, 0]));
  readonly #folder: TempFolder;
  readonly #places: readonly Place[];
  readonly #random: Random;
  #isEnding = true;
  #disturbing: Promise<unknown> = Promise.resolve();

  static async start(random: Random, transport: TransportName): Promise<World> {
    const folder = await TempFolder.create();
    const config = join(folder.path, "kestrel.json");
    // How many items may be open on one connection: a few, or as many as come.
    await writeFile(config, JSON.stringify({ maxOpenTransactions: random.whole(0, 1) === 0 ? 3 : 1_000 }));
    const places: Place[] = [];
    for (let index = 0; index < nodeCount; index++) {
      const speaksThrift = transport === "thrift";
      const node = await KestrelNode.start({ isRestarted: true, speaksThrift, flags: ["--config", config] });
      const { port } = new URL(`tcp://${speaksThrift ? node.thriftAddress : node.address}`);
      places.push({ node, proxy: await FlakyProxy.start(Number(port), await findFreePort()) });
    }
    return new World(places, random, folder);
  }

  private constructor(places: readonly Place[], random: Random, folder: TempFolder) {
    this.#folder = folder;
    this.#places = places;
    this.#random = random;
  }

  /** Where clients reach the nodes. */
  get addresses(): string[] {
    return this.#places.map(({ proxy }) => proxy.address);
  }

  /** Begins to do harm, at each node for itself. */
  disturb(): void {
    this.#isEnding = false;
    this.#disturbing = Promise.all(this.#places.map((place) => this.#disturb(place)));
  }

  /** Resolves when every node is well again. */
  async calm(): Promise<void> {
    this.#isEnding = true;
    await this.#disturbing;
  }

  /** What is left at the nodes: connections, open reads, and queues with items. */
  async leftovers(): Promise<string[]> {
    const found = this.#places.map(async ({ node, proxy }) => {
      await using admin = new AdminConnection(node.address);
      const stats = (await admin.lines("stats")).filter((line) =>
        /^STAT queue_[^_]+_(items|open_transactions|waiters) [1-9]/.test(line),
      );
      if (proxy.connections > 0) stats.push(`${proxy.connections} connections`);
      return stats.map((line) => `${node.address}: ${line}`);
    });
    return (await Promise.all(found)).flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.calm();
    for (const { node, proxy } of this.#places) {
      await proxy[Symbol.asyncDispose]();
      await node[Symbol.asyncDispose]();
    }
    await this.#folder[Symbol.asyncDispose]();
  }

  async #disturb(place: Place): Promise<void> {
    const names = Object.keys(troubles);
    for (;;) {
      await pause(this.#random.magnitude(50, 1_500));
      if (this.#isEnding) return;
      const name = names[this.#random.whole(0, names.length - 1)]!;
      this.counts.set(name, this.counts.get(name)! + 1);
      await troubles[name]!(place, this.#random.magnitude(20, 3_000), this.#random);
    }
  }
}
