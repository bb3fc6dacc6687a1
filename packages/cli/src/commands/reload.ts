/**
 * `kq reload`: makes every node read its configuration again.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ClusterArguments, clusterFlags } from "../nodes/cluster.ts";
import { askEach, showAnswers } from "../nodes/node-inquiry.ts";

export const reloadCommand: Command = defineCommand({
  usage: "reload",
  describe: "Make every node read its configuration file again; queues and aliases change",
  examples: [
    ["kq reload", "all nodes"],
    ["kq reload --node 22134", "one of them"],
  ],
  positionals: {},
  flags: { ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const answers = await askEach(args as ClusterArguments, surroundings, (admin) => admin.line("reload"));
    const columns = [{ title: "answer", value: (row: { value: string }) => row.value }];
    return await showAnswers("reload", answers, columns, args.json, surroundings);
  },
});
