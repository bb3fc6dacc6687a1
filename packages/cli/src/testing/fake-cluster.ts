/**
 * A cluster in memory for tests of commands: nodes with queues, that can be down, full or forgetful.
 * Keeps the promises that commands build on: open items go back to the head, null means nothing there.
 */
import type { ClusterOptions } from "@kestrel-mq/client";
import type { Cluster } from "../nodes/cluster.ts";
import type { Admin } from "../nodes/node-inquiry.ts";

export class FakeError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export class FakeNode {
  readonly id: string;
  readonly queues: Map<string, Buffer[]> = new Map();
  isDown = false;
  /** Flushing and deleting are for others. */
  isForbidden = false;
  stats: Map<string, string> = new Map();
  /** Called each time before the statistics are looked at. */
  onStats: () => void = () => {};
  /** What it answers to commands of one line. */
  answers: Map<string, string> = new Map();
  /** Called before each put; may throw to fail it, or name a refusal. */
  onPut: (item: Buffer) => "full" | "too-large" | undefined = () => undefined;
  /** How many open items were confirmed, and how many went back. */
  confirmed = 0;
  aborted = 0;
  readonly #arrivals: Set<() => void> = new Set();

  constructor(id: string) {
    this.id = id;
  }

  texts(queue: string): string[] {
    return (this.queues.get(queue) ?? []).map(String);
  }

  add(queue: string, item: Buffer): void {
    this.queues.set(queue, [...(this.queues.get(queue) ?? []), item]);
    for (const wake of this.#arrivals) wake();
  }

  take(queue: string): Buffer | undefined {
    return this.queues.get(queue)?.shift();
  }

  putBack(queue: string, item: Buffer): void {
    this.queues.get(queue)?.unshift(item);
  }

  /** Resolves at the next `add`, at the end of the wait, or when `signal` is aborted. */
  async arrival(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      const wake = () => {
        clearTimeout(timer);
        this.#arrivals.delete(wake);
        resolve();
      };
      this.#arrivals.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }
}

/** A stand-in for KestrelClusterClient over `nodes`, of which it uses those that `options` names. */
export function fakeCluster(nodes: readonly FakeNode[], options: ClusterOptions): Cluster {
  const mine = options.servers.flatMap((server) => {
    // Of DNS, which knows them all.
    if (String(server).startsWith("dns")) return nodes;
    const node = nodes.find(({ id }) => id === server);
    if (node === undefined) throw new FakeError("no-node", `no node ${JSON.stringify(server)}`);
    return node;
  });
  let turn = 0;
  const inTurn = () => {
    const start = turn++;
    return mine.map((_, index) => mine[(start + index) % mine.length]!);
  };
  const onEach = async (act: (node: FakeNode) => void) =>
    mine.map((node) => {
      if (node.isDown) return { node: node.id, ok: false as const, error: down(node) };
      if (node.isForbidden) {
        const error = new FakeError("unauthorized", `${node.id}: the node answered "not allowed: delete"`);
        return { node: node.id, ok: false as const, error };
      }
      act(node);
      return { node: node.id, ok: true as const };
    });
  return {
    async put(_queue: string, data: Buffer) {
      const node = inTurn().find(({ isDown }) => !isDown);
      if (node === undefined) throw new FakeError("no-node", "no node can be reached");
      const reason = node.onPut(data);
      if (reason !== undefined) return { stored: false, node: node.id, reason };
      node.add(_queue, Buffer.from(data));
      return { stored: true, node: node.id };
    },
    async open(queue: string, { wait = 0, signal }: { wait?: number; signal?: AbortSignal } = {}) {
      for (const isLast of wait > 0 ? [false, true] : [true]) {
        for (const node of inTurn()) {
          const data = node.isDown ? undefined : node.take(queue);
          if (data !== undefined) return openItem(node, queue, data);
        }
        if (isLast || mine.every(({ isDown }) => isDown)) break;
        await Promise.race(mine.map((node) => node.arrival(wait, signal)));
        if (signal?.aborted) throw new FakeError("aborted", "aborted");
      }
      const fallen = mine.find(({ isDown }) => isDown);
      if (fallen !== undefined) throw down(fallen);
      return null;
    },
    async peek(queue: string) {
      for (const node of inTurn()) {
        const data = node.queues.get(queue)?.[0];
        if (data !== undefined && !node.isDown) return { data, node: node.id, queue, flags: 0 };
      }
      return null;
    },
    flush: (queue: string) => onEach((node) => void node.queues.set(queue, [])),
    delete: (queue: string) => onEach((node) => void node.queues.delete(queue)),
    stats: async () =>
      mine.map((node) => {
        if (node.isDown) return { node: node.id, ok: false, error: down(node) };
        node.onStats();
        return { node: node.id, ok: true, stats: new Map(node.stats) };
      }),
    discovered: async () => {},
    nodes: () =>
      mine.map(({ id, isDown }) => ({ id, host: id, port: 1, weight: 1, state: isDown ? "down" : "up" })),
    nodeFor: (queue: string) => mine[queue.length % mine.length]!.id,
    close: async () => {},
  } as unknown as Cluster;
}

function openItem(node: FakeNode, queue: string, data: Buffer): object {
  return {
    data,
    node: node.id,
    queue,
    flags: 0,
    confirm: async () => void node.confirmed++,
    async confirmAndOpen() {
      node.confirmed++;
      const next = node.take(queue);
      return next === undefined ? null : openItem(node, queue, next);
    },
    abort: async () => {
      node.aborted++;
      node.putBack(queue, data);
    },
  };
}

function down(node: FakeNode): FakeError {
  return new FakeError("node-down", `${node.id} does not answer`);
}

/** A stand-in for AdminConnection; a command without an answer is refused. */
export function fakeAdmin(nodes: readonly FakeNode[], server: string): Admin {
  const node = nodes.find(({ id }) => id === server)!;
  const answer = async (command: string) => {
    if (node.isDown) throw down(node);
    const text = node.answers.get(command) ?? (command === "version" ? "VERSION 3.0.0" : undefined);
    if (text === undefined)
      throw new FakeError("bad-request", `${server}: the node answered ERROR to "${command}"`);
    return text;
  };
  return {
    line: answer,
    lines: async (command) => (await answer(command)).split("\n"),
    rest: async (command) => (await answer(command)).split("\n"),
    close() {},
  };
}
