/**
 * `kq status`: what each node may be used for at present, and changing it.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ClusterArguments, otherClusterFlags } from "../nodes/cluster.ts";
import { askEach, showAnswers } from "../nodes/node-inquiry.ts";
import { askStatus, findStatus, parseStatus, setStatus } from "../nodes/node-status.ts";

export const statusCommand: Command = defineCommand({
  usage: "status [node] [new]",
  describe: "Show or set what nodes may be used for: up, readonly, writeavoid, quiescent",
  examples: [
    ["kq status", "a line for each node"],
    ["kq status localhost:22134 readonly", "no more puts there; what is there can be got"],
    ["kq status localhost:22134 up", "in use again"],
    ["kq status quiescent", "all nodes: nothing but confirming and aborting what is open"],
  ],
  positionals: {
    node: { type: "string", describe: "The node; without it all of them" },
    new: { type: "string", describe: "up, readonly, writeavoid or quiescent" },
  },
  flags: { ...otherClusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    // As kcluster had it, a lone argument may be the status, for all nodes.
    const isStatusAlone =
      args.node !== undefined && args.new === undefined && findStatus(args.node) !== undefined;
    const [node, wanted] = isStatusAlone ? [undefined, args.node] : [args.node, args.new];
    const status = wanted === undefined ? undefined : parseStatus(wanted);
    const answers = await askEach({ ...(args as ClusterArguments), node }, surroundings, (admin) =>
      status === undefined ? askStatus(admin) : setStatus(admin, status),
    );
    const columns = [{ title: "status", value: (row: { value: string }) => row.value }];
    return await showAnswers("status", answers, columns, args.json, surroundings);
  },
});
