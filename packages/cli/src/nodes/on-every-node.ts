/**
 * Commands that do one thing on every node: the question beforehand, the account of each node afterwards.
 */

import { type ExitCode, exitCodes } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { renderJson } from "../terminal/output.ts";
import { isAgreed } from "../terminal/question.ts";
import { writeOut } from "../terminal/writing.ts";
import { type Cluster, type ClusterArguments, clusterOptions, withNodesNamed } from "./cluster.ts";

export interface Deed {
  /** The command's name, for messages. */
  name: string;
  /** "Flushed work", for a person on a terminal. */
  done: string;
  /** "Drop all items of work", to be asked. */
  question: string;
  yes: boolean | undefined;
  json: boolean | undefined;
  act(cluster: Cluster): ReturnType<Cluster["flush"]>;
}

/** Asks, acts, tells. Exit code 1 when any node failed or the user refused; the other nodes are done all the same. */
export async function doOnEveryNode(
  deed: Deed,
  args: ClusterArguments,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const options = await withNodesNamed(await clusterOptions(args, surroundings), surroundings);
  const where = options.servers.length === 1 ? "1 node" : `${options.servers.length} nodes`;
  if (!(await isAgreed(surroundings, `${deed.question} on ${where}?`, deed.yes))) {
    say(surroundings, `kq ${deed.name}: nothing done`);
    return exitCodes.failed;
  }
  const cluster = surroundings.connect(options);
  try {
    const results = await deed.act(cluster);
    const failed = results.filter((result) => !result.ok);
    for (const result of failed) say(surroundings, `kq ${deed.name}: ${explain(result.error)}`);
    if (deed.json === true) {
      const told = results.map((result) =>
        result.ok
          ? { node: result.node, ok: true }
          : { node: result.node, ok: false, error: explain(result.error) },
      );
      await writeOut(surroundings.stdout, renderJson(told));
    } else if (surroundings.stderr.isTTY === true && failed.length < results.length) {
      say(surroundings, `${deed.done} on ${results.length - failed.length} of ${where}.`);
    }
    return failed.length === 0 ? exitCodes.done : exitCodes.failed;
  } finally {
    await cluster.close();
  }
}

/** The flag of every command that asks first. */
export const yesFlag = {
  yes: { type: "boolean", alias: "y", describe: "Don't ask" },
} as const;
