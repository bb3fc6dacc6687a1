/**
 * `kq version`: what each node runs.
 */
import { type ClusterArguments, clusterFlags } from "../cluster.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError } from "../exit-code.ts";
import { type Admin, askEach, showAnswers } from "../node-inquiry.ts";

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

/** The node's version. Rejects with CommandError when what answers is no Kestrel. */
export async function askVersion(admin: Admin, node: string): Promise<string> {
  const line = await admin.line("version");
  const version = /^VERSION (\S+)$/.exec(line)?.[1];
  if (version === undefined) {
    throw new CommandError(
      `${node} is no Kestrel: it answered "${line.slice(0, 40)}"; is the port the memcache port?`,
    );
  }
  return version;
}
