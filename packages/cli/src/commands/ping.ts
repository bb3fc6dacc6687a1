/**
 * `kq ping`: whether each node answers, and how quickly.
 */
import { performance } from "node:perf_hooks";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ClusterArguments, clusterFlags } from "../nodes/cluster.ts";
import { askVersion } from "../nodes/node-identity.ts";
import { askEach, showAnswers } from "../nodes/node-inquiry.ts";

export const pingCommand: Command = defineCommand({
  usage: "ping",
  describe: "Check that every node answers",
  examples: [
    ["kq ping", "a line for each node that does; exit code 1 if one doesn't"],
    ["kq ping --timeout 200ms && echo all well", "in a script"],
  ],
  positionals: {},
  flags: { ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const answers = await askEach(args as ClusterArguments, surroundings, async (admin, node) => {
      // Over the connection on which the node has been asked already who it is.
      const startedMs = performance.now();
      await askVersion(admin, node);
      return performance.now() - startedMs;
    });
    const columns = [
      {
        title: "ms",
        align: "right" as const,
        value: (row: { value: number }) => Math.round(row.value * 1000) / 1000,
        show: (row: { value: number }) => row.value.toFixed(1),
      },
    ];
    return await showAnswers("ping", answers, columns, args.json, surroundings);
  },
});
