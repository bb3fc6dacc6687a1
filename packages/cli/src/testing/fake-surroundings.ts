/**
 * Surroundings for tests of commands: streams that remember, a cluster in memory, and an interruption that
 * the test pulls.
 */
import { PassThrough, Readable, Writable } from "node:stream";
import type { Aftermath } from "../aftermath.ts";
import type { Input, Sink, Surroundings } from "../surroundings.ts";
import { type FakeNode, fakeAdmin, fakeCluster } from "./fake-cluster.ts";

export interface FakeOptions {
  nodes?: readonly FakeNode[];
  /** Standard input; left open when it is null. */
  input?: string | Buffer | null;
  isTerminal?: boolean;
  env?: Record<string, string>;
  homeFolder?: string;
  /** Called with each write to standard output; may throw to fail it. */
  onWrite?: (data: Buffer) => void;
  /** Called with each write to standard error. */
  onWarn?: (text: string) => void;
}

export class FakeSurroundings implements Surroundings {
  readonly stdin: Input;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Record<string, string>;
  readonly homeFolder: string;
  readonly interruption: AbortController = new AbortController();
  readonly connect: Surroundings["connect"];
  readonly connectAdmin: Surroundings["connectAdmin"];
  readonly #out: Buffer[] = [];
  readonly #err: Buffer[] = [];

  constructor({
    nodes = [],
    input = "",
    isTerminal = false,
    env = {},
    onWrite,
    onWarn,
    homeFolder = "/nowhere",
  }: FakeOptions = {}) {
    this.homeFolder = homeFolder;
    const stdin =
      input === null ? new PassThrough() : Readable.from(input === "" ? [] : [Buffer.from(input)]);
    this.stdin = Object.assign(stdin, { isTTY: isTerminal });
    this.stdout = remembering(this.#out, isTerminal, onWrite);
    this.stderr = remembering(this.#err, isTerminal, (data) => onWarn?.(String(data)));
    this.env = { KESTREL_SERVERS: nodes.map(({ id }) => id).join(","), ...env };
    this.connect = (options) => fakeCluster(nodes, options);
    this.connectAdmin = (server) => fakeAdmin(nodes, server);
  }

  /** Queues that would be deleted now, should kq be killed. */
  readonly aftermath: Set<string> = new Set();

  doWhenKilled({ queue }: Aftermath): () => void {
    this.aftermath.add(queue);
    return () => void this.aftermath.delete(queue);
  }

  get interrupted(): AbortSignal {
    return this.interruption.signal;
  }

  get out(): string {
    return Buffer.concat(this.#out).toString("latin1");
  }

  get err(): string {
    return Buffer.concat(this.#err).toString();
  }
}

function remembering(into: Buffer[], isTTY: boolean, onWrite?: (data: Buffer) => void): Sink {
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        onWrite?.(chunk);
        into.push(chunk);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
  sink.on("error", () => {});
  return Object.assign(sink, { isTTY, columns: isTTY ? 100 : undefined });
}
