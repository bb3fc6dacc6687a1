/**
 * `kq move`: the items of one queue to the end of another, each on the node where it is.
 */

import { parseCount } from "../arguments/count.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError, exitCodes, UsageError } from "../exit-code.ts";
import { codeOf, explain, explainOfNode } from "../failure.ts";
import { type ReadingResult, readOut } from "../items/reading.ts";
import { type Cluster, type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { withEachNode } from "../nodes/per-node.ts";
import { say } from "../surroundings.ts";
import { renderJson } from "../terminal/output.ts";
import { Progress } from "../terminal/progress.ts";
import { writeOut } from "../terminal/writing.ts";

export const moveCommand: Command = defineCommand({
  usage: "move <from> <to>",
  describe: "Move items from one queue to another; none is lost if this is cut short",
  examples: [
    ["kq move work-failed work", "all that is there, each item on its node and in order"],
    ["kq move work-failed work --count 1", "one, to try"],
  ],
  positionals: {
    from: { type: "string", demandOption: true, describe: "The queue to take items from" },
    to: { type: "string", demandOption: true, describe: "The queue to put them into" },
  },
  flags: {
    count: {
      type: "string",
      requiresArg: true,
      coerce: (text: string) => parseCount(text, 1),
      describe: "At most so many [all]",
    },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const { from, to } = args;
    if (from === to) throw new UsageError("both queues are the same");
    const { interrupted } = surroundings;
    const progress = new Progress(surroundings, "moved", args.count ?? null);
    const result = await withEachNode(
      await clusterOptions(args as ClusterArguments, surroundings),
      surroundings,
      async (nodes): Promise<ReadingResult> => {
        const total: ReadingResult = { delivered: 0, unconfirmed: 0, failures: [] };
        // A count is kept by taking the nodes one after the other; without one they are read side by side.
        const rounds = args.count === undefined ? [nodes] : nodes.map((node) => [node]);
        for (const sources of rounds) {
          const countMax = (args.count ?? Number.POSITIVE_INFINITY) - total.delivered;
          if (countMax <= 0 || interrupted.aborted) break;
          const part = await readOut(sources, {
            queue: from,
            countMax,
            waitMs: 0,
            isFollowing: false,
            deliver: async (item) => {
              const node = nodes.find(({ name }) => name === item.node)!;
              await putStored(node.cluster, from, to, item);
              progress.advance(1);
            },
            warn: (line) => say(surroundings, `kq move: ${line}`),
            interrupted,
          });
          total.delivered += part.delivered;
          total.unconfirmed += part.unconfirmed;
          total.failures.push(...part.failures);
        }
        return total;
      },
    ).finally(() => progress.stop());
    for (const { error } of result.failures) say(surroundings, `kq move: ${explainOfNode(error)}`);
    if (result.unconfirmed > 0) {
      say(surroundings, `kq move: ${result.unconfirmed} items may now be in ${from} as well as in ${to}`);
    }
    if (interrupted.aborted) say(surroundings, `kq move: interrupted; the rest is still in ${from}`);
    if (args.json === true) await writeOut(surroundings.stdout, renderJson({ moved: result.delivered }));
    else if (surroundings.stderr.isTTY === true) say(surroundings, `Moved ${result.delivered} items.`);
    if (result.failures.length > 0 || interrupted.aborted) return exitCodes.failed;
    return result.delivered > 0 ? exitCodes.done : exitCodes.nothing;
  },
});

/** Puts, or rejects; then the item stays in the queue that it came from. */
async function putStored(
  cluster: Pick<Cluster, "put">,
  from: string,
  to: string,
  { data, flags }: { data: Buffer; flags: number },
): Promise<void> {
  try {
    const outcome = await cluster.put(to, data, { flags });
    if (outcome.stored) return;
    const why = outcome.reason === "full" ? "is full" : "takes no item so large";
    throw new CommandError(`${to} ${why} on ${outcome.node}; the rest is still in ${from}`);
  } catch (error) {
    if (codeOf(error) !== "unknown") throw error;
    throw new CommandError(`${explain(error)}; one item may now be in ${from} as well as in ${to}`, {
      cause: error,
    });
  }
}
