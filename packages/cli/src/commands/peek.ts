/**
 * `kq peek`: shows the item that comes next, and leaves it there.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes, UsageError } from "../exit-code.ts";
import { deliver } from "../items/delivery.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { tellNodesDown } from "../nodes/nodes-down.ts";

export const peekCommand: Command = defineCommand({
  usage: "peek <queue>",
  describe: "Show the next item of a queue and leave it there",
  examples: [
    ["kq peek work", "the next item; exit code 3 if there is none"],
    ["kq peek work --servers localhost:22134", "the next item of one node"],
  ],
  positionals: { queue: { type: "string", demandOption: true, describe: "The queue" } },
  flags: {
    raw: { type: "boolean", describe: "No line feed after the item" },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    if (args.raw === true && args.json === true) throw new UsageError("--raw and --json exclude each other");
    const cluster = surroundings.connect(await clusterOptions(args as ClusterArguments, surroundings));
    try {
      const item = await cluster.peek(args.queue, { signal: surroundings.interrupted });
      if (item === null) return exitCodes.nothing;
      await deliver(
        surroundings.stdout,
        item,
        args.json === true ? "json" : args.raw === true ? "raw" : "lines",
      );
      tellNodesDown("peek", cluster, "what it has was not asked for", surroundings);
      return exitCodes.done;
    } finally {
      await cluster.close();
    }
  },
});
