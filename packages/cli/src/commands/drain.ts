/**
 * `kq drain`: takes a node out of use for puts and waits until consumers have emptied it.
 */
import { setTimeout } from "node:timers/promises";
import { parseDurationMs, renderDurationMs } from "../arguments/duration.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { CommandError, exitCodes } from "../exit-code.ts";
import { type ClusterArguments, clusterOptions, otherClusterFlags } from "../nodes/cluster.ts";
import { askOne } from "../nodes/node-inquiry.ts";
import { setStatus } from "../nodes/node-status.ts";
import { lookAtQueues } from "../queues/queue-list.ts";
import { say } from "../surroundings.ts";
import { renderJson } from "../terminal/output.ts";
import { Progress } from "../terminal/progress.ts";
import { writeOut } from "../terminal/writing.ts";

const lookEveryMs = 500;

export const drainCommand: Command = defineCommand({
  usage: "drain <node>",
  describe: "Let a node take no more puts, and wait until its queues are empty",
  examples: [
    ["kq drain localhost:22134", "sets it readonly; ends when consumers have got everything"],
    ["kq drain localhost:22134 --for 10m && kq shutdown --node 22134 --yes", "and then stops it"],
    ["kq status localhost:22134 up", "takes it back"],
  ],
  positionals: { node: { type: "string", demandOption: true, describe: "The node" } },
  flags: {
    for: {
      type: "string",
      requiresArg: true,
      coerce: parseDurationMs,
      describe: "Give up after so long; the node stays readonly",
    },
    ...otherClusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const { interrupted, stdout } = surroundings;
    const options = await clusterOptions(args as ClusterArguments, surroundings);
    const node = options.servers[0] as string;
    await askOne(node, options, surroundings, (admin) => setStatus(admin, "READONLY"));
    const cluster = surroundings.connect(options);
    const startedMs = Date.now();
    let progress: Progress | undefined;
    try {
      let left = await itemsLeft(cluster);
      progress = new Progress(surroundings, "drained", left);
      while (left > 0) {
        if (args.for !== undefined && Date.now() - startedMs >= args.for) {
          throw new CommandError(
            `${node} still holds ${left} items after ${renderDurationMs(args.for)}; it stays readonly`,
          );
        }
        await setTimeout(lookEveryMs, undefined, { signal: interrupted });
        const now = await itemsLeft(cluster);
        progress.advance(Math.max(0, left - now));
        left = now;
      }
    } catch (error) {
      if (!interrupted.aborted) throw error;
      throw new CommandError(`interrupted; ${node} stays readonly until \`kq status ${node} up\``);
    } finally {
      progress?.stop();
      await cluster.close();
    }
    if (args.json === true)
      await writeOut(stdout, renderJson({ node, drained: true, ms: Date.now() - startedMs }));
    else if (surroundings.stderr.isTTY === true) say(surroundings, `${node} is empty and readonly.`);
    return exitCodes.done;
  },
});

/** Items in all queues of the node, open ones included. */
async function itemsLeft(cluster: Parameters<typeof lookAtQueues>[0]): Promise<number> {
  const { rows, failures } = await lookAtQueues(cluster);
  if (failures[0] !== undefined) throw failures[0].error;
  return rows.reduce((sum, { row }) => sum + row.items + row.openReads, 0);
}
