/**
 * The program kq in a process of its own, as a shell would run it: arguments and standard input in, output and
 * exit code out. Needs `tsc -b` to have been run.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export const kqProgram: string = fileURLToPath(import.meta.resolve("@kestrel-mq/cli/package.json")).replace(
  /package\.json$/,
  "bin/kq.js",
);

export interface KqResult {
  code: number | null;
  out: string;
  err: string;
}

export interface KqOptions {
  /** Standard input; without it there is none. */
  input?: string | Buffer;
  /** The nodes, as KESTREL_SERVERS. */
  servers?: readonly string[];
  /** Further environment. */
  env?: Readonly<Record<string, string>>;
}

const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** Runs one command line to its end. */
export async function runKq(args: readonly string[], options: KqOptions = {}): Promise<KqResult> {
  const kq = startKq(args, options);
  kq.child.stdin!.end(options.input ?? "");
  return await kq.ended;
}

/** A running kq: what it has written so far, and how it ends. Disposing of it stops it, if it still runs. */
export interface RunningKq extends AsyncDisposable {
  child: ChildProcess;
  ended: Promise<KqResult>;
  /** What it has written so far. */
  read(): KqResult;
  /** Resolves when standard output holds this text; rejects when kq ends without it. */
  outputHas(text: string): Promise<void>;
  /** The same for standard error. */
  errorHas(text: string): Promise<void>;
}

/** Starts one command line; standard input stays open. */
export function startKq(args: readonly string[], { servers = [], env = {} }: KqOptions = {}): RunningKq {
  const child = spawn(process.execPath, [kqProgram, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HOME: "/nonexistent", KESTREL_SERVERS: servers.join(","), ...env },
  });
  living.add(child);
  const result: KqResult = { code: null, out: "", err: "" };
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (result.out += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (result.err += text));
  // A command that ends before it has read its input is no fault of the test.
  child.stdin!.on("error", () => {});
  const ended = once(child, "close").then(([code]) => {
    living.delete(child);
    return { ...result, code: code as number | null };
  });
  const has = async (stream: "stdout" | "stderr", text: string): Promise<void> => {
    const isThere = () => (stream === "stdout" ? result.out : result.err).includes(text);
    while (!isThere()) {
      const hasEnded = await Promise.race([
        once(child[stream]!, "data").then(() => false),
        ended.then(() => true),
      ]);
      if (hasEnded && !isThere())
        throw new Error(`kq ended without "${text}": ${JSON.stringify(await ended)}`);
    }
  };
  const read = () => ({ ...result });
  const stop = async () => {
    if (living.has(child)) child.kill("SIGTERM");
    await ended;
  };
  return {
    [Symbol.asyncDispose]: stop,
    child,
    ended,
    read,
    outputHas: (text) => has("stdout", text),
    errorHas: (text) => has("stderr", text),
  };
}
