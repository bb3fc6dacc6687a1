/**
 * `kq version`: what each node runs.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ClusterArguments, clusterFlags } from "../nodes/cluster.ts";
import { askVersion } from "../nodes/node-identity.ts";
import { askEach, showAnswers } from "../nodes/node-inquiry.ts";

export const versionCommand: Command = defineCommand({
  usage: "version",
  describe: "Show the version of every node",
  examples: [
    ["kq version", "a line for each node"],
    ["kq --version", "the version of kq itself"],
  ],
  positionals: {},
  flags: { ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const answers = await askEach(args as ClusterArguments, surroundings, askVersion);
    const columns = [{ title: "version", value: (row: { value: string }) => row.value }];
    return await showAnswers("version", answers, columns, args.json, surroundings);
  },
});
