/**
 * Everything of the outside world that a command may touch. Commands get it as an argument and never look
 * at `process`, so that a test runs them in its own process with streams of its own.
 */
import type { Readable, Writable } from "node:stream";
import type { Aftermath } from "./aftermath.ts";
import type { Connect } from "./nodes/cluster.ts";
import type { ConnectAdmin } from "./nodes/node-inquiry.ts";

/** Where a command reads from. */
export type Input = Readable & { readonly isTTY?: boolean | undefined };

/** Where a command writes to; `columns` and `rows` are the size of a terminal. */
export type Sink = Writable & {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
};

export interface Surroundings {
  readonly stdin: Input;
  /** Data only. */
  readonly stdout: Sink;
  /** Words for people: progress, warnings, errors. */
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeFolder: string;
  /** Aborted by Ctrl-C or SIGTERM. A command then stops taking on work, settles what it has open, and ends. */
  readonly interrupted: AbortSignal;
  readonly connect: Connect;
  readonly connectAdmin: ConnectAdmin;
  /** Has something undone should kq be killed. Gives what calls that off, once kq has undone it itself. */
  doWhenKilled(aftermath: Aftermath): () => void;
}

/** Writes one line for people to standard error. */
export function say(surroundings: Surroundings, line: string): void {
  surroundings.stderr.write(`${line}\n`);
}
