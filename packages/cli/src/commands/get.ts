/**
 * `kq get`: items out of a queue to standard output, each confirmed only when it is out.
 */

import { parseCount } from "../arguments/count.ts";
import { parseDurationMs } from "../arguments/duration.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { type ExitCode, exitCodes, UsageError } from "../exit-code.ts";
import { explain, explainOfNode } from "../failure.ts";
import { deliver, type ItemForm } from "../items/delivery.ts";
import { type ReadingResult, readOut, type Source } from "../items/reading.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { tellNodesDown } from "../nodes/nodes-down.ts";
import { withEachNode } from "../nodes/per-node.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { Progress } from "../terminal/progress.ts";

export const getCommand: Command = defineCommand({
  usage: "get <queue>",
  describe: "Get items from a queue; each is removed only after it has been written out",
  examples: [
    ["kq get work", "one item; exit code 3 if there is none"],
    ["kq get work --wait 5s", "the next item, or nothing after five seconds"],
    ["kq get work --count 10 | sort", "up to ten items"],
    ["kq get work --all > items.txt", "all there are, on all nodes"],
    ['kq get work --follow | while read -r item; do echo "$item"; done', "items as they come, until Ctrl-C"],
  ],
  positionals: { queue: { type: "string", demandOption: true, describe: "The queue" } },
  flags: {
    count: {
      type: "string",
      requiresArg: true,
      coerce: (text: string) => parseCount(text, 1),
      describe: "Up to this many items [1]",
    },
    all: { type: "boolean", describe: "All items there are" },
    wait: {
      type: "string",
      requiresArg: true,
      coerce: parseDurationMs,
      describe: "End only when nothing has come for so long: 5s, 2m",
    },
    follow: { type: "boolean", describe: "Go on until Ctrl-C" },
    raw: { type: "boolean", describe: "No line feed after an item" },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const isEndless = args.all === true || args.follow === true;
    if (isEndless && args.count !== undefined) throw new UsageError("--count excludes --all and --follow");
    if (args.raw === true && args.json === true) throw new UsageError("--raw and --json exclude each other");
    const options = await clusterOptions(args as ClusterArguments, surroundings);
    const form: ItemForm = args.json === true ? "json" : args.raw === true ? "raw" : "lines";
    const progress = new Progress(surroundings, "got", isEndless ? null : (args.count ?? 1));
    const read = async (sources: Source[]) => {
      const result = await readOut(sources, {
        queue: args.queue,
        countMax: isEndless ? Number.POSITIVE_INFINITY : (args.count ?? 1),
        waitMs: args.wait ?? 0,
        isFollowing: args.follow === true,
        deliver: async (item) => {
          await deliver(surroundings.stdout, item, form);
          if (surroundings.stdout.isTTY !== true) progress.advance(1);
        },
        warn: (line) => say(surroundings, `kq get: ${line}`),
        interrupted: surroundings.interrupted,
      }).finally(() => progress.stop());
      return conclude(result, args.follow === true, surroundings);
    };
    // All of a queue is read from each node by itself: quickly, and in each node's order.
    if (isEndless) return await withEachNode(options, surroundings, read);
    const cluster = surroundings.connect(options);
    try {
      const exitCode = await read([{ name: "the cluster", cluster }]);
      if (exitCode === exitCodes.done)
        tellNodesDown("get", cluster, "what it has was not asked for", surroundings);
      return exitCode;
    } finally {
      await cluster.close();
    }
  },
});

function conclude(result: ReadingResult, isFollowing: boolean, surroundings: Surroundings): ExitCode {
  for (const { error } of result.failures) {
    const told = result.delivered > 0 ? explainOfNode(error) : explain(error);
    say(surroundings, `kq get: ${told}`);
  }
  if (result.unconfirmed > 0) {
    say(
      surroundings,
      `kq get: ${result.unconfirmed} of the items written could not be confirmed and will be handed out again`,
    );
  }
  const { interrupted } = surroundings;
  if (interrupted.aborted && !isFollowing)
    say(surroundings, "kq get: interrupted; the rest is still in the queue");
  if (result.failures.length > 0 || (interrupted.aborted && !isFollowing)) return exitCodes.failed;
  return result.delivered > 0 || isFollowing ? exitCodes.done : exitCodes.nothing;
}
