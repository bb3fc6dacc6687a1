/**
 * `kq tail`: shows what is put into a queue from now on, without taking anything from it. It reads a fanout of
 * its own, which is deleted in the end, whatever ends it: left behind, it would collect items for ever.
 */
import { randomBytes } from "node:crypto";
import { parseCount } from "../arguments/count.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError, exitCodes } from "../exit-code.ts";
import { codeOf, explain, explainOfNode } from "../failure.ts";
import { deliver } from "../items/delivery.ts";
import { type ReadingResult, readOut } from "../items/reading.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { type NodeClient, withEachNode } from "../nodes/per-node.ts";
import { type Surroundings, say } from "../surroundings.ts";

export const tailCommand: Command = defineCommand({
  usage: "tail <queue>",
  describe: "Show items as they are put into a queue, without taking them, until Ctrl-C",
  examples: [
    ["kq tail work", "every item that is put from now on"],
    ["kq tail work --count 3 --json", "the next three, with the node of each"],
  ],
  positionals: { queue: { type: "string", demandOption: true, describe: "The queue" } },
  flags: {
    count: {
      type: "string",
      requiresArg: true,
      coerce: (text: string) => parseCount(text, 1),
      describe: "End after so many",
    },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const { interrupted, stdout } = surroundings;
    const fanout = `${args.queue}+kq-tail-${randomBytes(4).toString("hex")}`;
    const options = await clusterOptions(args as ClusterArguments, surroundings);
    return await withEachNode(options, surroundings, async (nodes) => {
      await checkRights(nodes, fanout);
      const callOff = surroundings.doWhenKilled({ queue: fanout, options });
      const enough = new AbortController();
      const stop = () => enough.abort();
      interrupted.addEventListener("abort", stop);
      let shown = 0;
      let result: ReadingResult;
      try {
        result = await readOut(nodes, {
          queue: fanout,
          countMax: Number.POSITIVE_INFINITY,
          waitMs: 0,
          isFollowing: true,
          deliver: async (item) => {
            if (args.count !== undefined && shown >= args.count) return;
            shown++;
            await deliver(
              stdout,
              { data: item.data, node: item.node, queue: args.queue },
              args.json === true ? "json" : "lines",
            );
            if (shown === args.count) stop();
          },
          warn: (line) => say(surroundings, `kq tail: ${line}`),
          interrupted: enough.signal,
        });
      } finally {
        interrupted.removeEventListener("abort", stop);
        await removeFanout(nodes, fanout, surroundings);
        callOff();
      }
      for (const { error } of result.failures) say(surroundings, `kq tail: ${explainOfNode(error)}`);
      return result.failures.length > 0 ? exitCodes.failed : exitCodes.done;
    });
  },
});

/** Who may not delete the fanout must not make it either. There is none yet. */
async function checkRights(nodes: readonly NodeClient[], fanout: string): Promise<void> {
  for (const { cluster } of nodes) {
    for (const result of await cluster.delete(fanout)) {
      if (!result.ok && codeOf(result.error) === "unauthorized") {
        throw new CommandError(
          `a tail has a queue of its own to delete, and may not. ${explain(result.error)}`,
        );
      }
    }
  }
}

/** A fanout that stays behind would collect items for ever, so a node where it could not be deleted is told. */
async function removeFanout(
  nodes: readonly NodeClient[],
  fanout: string,
  surroundings: Surroundings,
): Promise<void> {
  for (const { cluster } of nodes) {
    for (const result of await cluster.delete(fanout)) {
      if (!result.ok) {
        say(
          surroundings,
          `kq tail: ${explain(result.error)}; then run \`kq delete ${fanout} --node ${result.node}\``,
        );
      }
    }
  }
}
