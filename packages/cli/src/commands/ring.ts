/**
 * `kq ring`: which node each queue lives on under the hash strategy. Asks no node.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { type ClusterArguments, clusterFlags, uncheckedOptions, withNodesNamed } from "../nodes/cluster.ts";
import { colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

export const ringCommand: Command = defineCommand({
  usage: "ring <queues..>",
  describe: "Show which node each queue lives on under --strategy hash",
  examples: [
    ["kq ring work mail photos", "a line for each: its name and its node"],
    ["kq ring work --servers a:22133,b:22133", "where it would be on these two"],
  ],
  positionals: {
    queues: { type: "string", array: true, demandOption: true, describe: "Names of queues, or keys" },
  },
  flags: { ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const { stdout, env } = surroundings;
    const options = await uncheckedOptions(args as ClusterArguments, surroundings);
    const cluster = surroundings.connect({
      ...(await withNodesNamed(options, surroundings)),
      strategy: "hash",
    });
    try {
      const rows = args.queues.map((queue) => ({ queue, node: cluster.nodeFor(queue) as string }));
      const columns = [
        { title: "queue", value: (row: (typeof rows)[number]) => row.queue },
        { title: "node", value: (row: (typeof rows)[number]) => row.node },
      ];
      await writeOut(stdout, renderRows(formOf(stdout, args.json), columns, rows, colorsFor(stdout, env)));
      return exitCodes.done;
    } finally {
      await cluster.close();
    }
  },
});
