/**
 * `kq shutdown`: stops nodes in good order, after asking.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { type ClusterArguments, clusterFlags, uncheckedOptions, withNodesNamed } from "../nodes/cluster.ts";
import { askEach, showAnswers } from "../nodes/node-inquiry.ts";
import { yesFlag } from "../nodes/on-every-node.ts";
import { say } from "../surroundings.ts";
import { isAgreed } from "../terminal/question.ts";

export const shutdownCommand: Command = defineCommand({
  usage: "shutdown",
  describe: "Stop nodes in good order; their queues stay in their journals",
  examples: [
    ["kq shutdown --node 22134", "one node; asks first"],
    ["kq shutdown --yes", "all of them, without asking"],
  ],
  positionals: {},
  flags: { ...yesFlag, ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const { servers } = await withNodesNamed(
      await uncheckedOptions(args as ClusterArguments, surroundings),
      surroundings,
    );
    if (!(await isAgreed(surroundings, `Stop ${servers.join(", ")}?`, args.yes))) {
      say(surroundings, "kq shutdown: nothing done");
      return exitCodes.failed;
    }
    // Those that were agreed to, even if DNS knows others by now.
    const agreed = { ...(args as ClusterArguments), servers: servers.join(","), serversFile: undefined };
    const answers = await askEach({ ...agreed, node: undefined }, surroundings, async (admin) => {
      await admin.rest("shutdown");
      return "stopped";
    });
    const columns = [{ title: "answer", value: (row: { value: string }) => row.value }];
    return await showAnswers("shutdown", answers, columns, args.json, surroundings);
  },
});
