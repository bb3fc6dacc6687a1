/**
 * `kq delete`: on every node, after asking.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ClusterArguments, clusterFlags } from "../nodes/cluster.ts";
import { doOnEveryNode, yesFlag } from "../nodes/on-every-node.ts";

export const deleteCommand: Command = defineCommand({
  usage: "delete <queue>",
  describe: "Delete a queue with all its items and its journal",
  examples: [
    ["kq delete work", "asks first; then the queue is gone, on every node"],
    ["kq delete work --yes", "without asking, for scripts"],
  ],
  positionals: { queue: { type: "string", demandOption: true, describe: "The queue" } },
  flags: { ...yesFlag, ...clusterFlags, ...jsonFlag },
  run: (args, surroundings) =>
    doOnEveryNode(
      {
        name: "delete",
        question: `Delete with all items ${args.queue}`,
        done: `Deleted ${args.queue}`,
        yes: args.yes,
        json: args.json,
        act: (cluster) => cluster.delete(args.queue),
      },
      args as ClusterArguments,
      surroundings,
    ),
});
