/**
 * `kq flush`: on every node, after asking.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ClusterArguments, clusterFlags } from "../nodes/cluster.ts";
import { doOnEveryNode, yesFlag } from "../nodes/on-every-node.ts";

export const flushCommand: Command = defineCommand({
  usage: "flush <queue>",
  describe: "Drop all items of a queue; the queue stays",
  examples: [
    ["kq flush work", "asks first; then all its items are gone, on every node"],
    ["kq flush work --yes", "without asking, for scripts"],
  ],
  positionals: { queue: { type: "string", demandOption: true, describe: "The queue" } },
  flags: { ...yesFlag, ...clusterFlags, ...jsonFlag },
  run: (args, surroundings) =>
    doOnEveryNode(
      {
        name: "flush",
        question: `Drop all items of ${args.queue}`,
        done: `Flushed ${args.queue}`,
        yes: args.yes,
        json: args.json,
        act: (cluster) => cluster.flush(args.queue),
      },
      args as ClusterArguments,
      surroundings,
    ),
});
