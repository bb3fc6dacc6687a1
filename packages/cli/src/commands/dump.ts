/**
 * `kq dump`: all items of a queue into a file, out of the queue only when they are in the file.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { type Command, defineCommand } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { explainOfNode } from "../failure.ts";
import { cutUnfinishedLine, renderItemLine } from "../items/item-file.ts";
import { readOut } from "../items/reading.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { type NodeClient, withEachNode } from "../nodes/per-node.ts";
import { lookAtQueues } from "../queues/queue-list.ts";
import { type Sink, type Surroundings, say } from "../surroundings.ts";
import { Progress } from "../terminal/progress.ts";
import { writeOut } from "../terminal/writing.ts";

export const dumpCommand: Command = defineCommand({
  usage: "dump <queue> [file]",
  describe: "Take all items of a queue into a file, or to standard output, for kq load",
  examples: [
    ["kq dump work work.jsonl", "cut short, the rest is still in the queue: run it again to go on"],
    ["kq dump work | gzip > work.jsonl.gz", "through a pipe"],
    ["kq dump work --node 22134 work.jsonl", "what one node has"],
  ],
  positionals: {
    queue: { type: "string", demandOption: true, describe: "The queue" },
    file: { type: "string", describe: "Items are added at its end, a line of JSON each [standard output]" },
  },
  flags: { ...clusterFlags },
  async run(args, surroundings) {
    const { interrupted } = surroundings;
    const options = await clusterOptions(args as ClusterArguments, surroundings);
    const target = await openTarget(args.file, surroundings);
    try {
      return await withEachNode(options, surroundings, async (nodes) => {
        const progress = new Progress(surroundings, "dumped", await findLength(nodes, args.queue));
        const result = await readOut(nodes, {
          queue: args.queue,
          countMax: Number.POSITIVE_INFINITY,
          waitMs: 0,
          isFollowing: false,
          deliver: async (item) => {
            await writeOut(target.sink, renderItemLine(item));
            progress.advance(1);
          },
          warn: (line) => say(surroundings, `kq dump: ${line}`),
          interrupted,
        }).finally(() => progress.stop());
        for (const { error } of result.failures) say(surroundings, `kq dump: ${explainOfNode(error)}`);
        if (result.unconfirmed > 0) {
          say(
            surroundings,
            `kq dump: ${result.unconfirmed} items are in the file and may still be in the queue`,
          );
        }
        if (interrupted.aborted) say(surroundings, "kq dump: interrupted; the rest is still in the queue");
        else if (surroundings.stderr.isTTY === true) say(surroundings, `Dumped ${result.delivered} items.`);
        if (result.failures.length > 0 || interrupted.aborted) return exitCodes.failed;
        return result.delivered > 0 ? exitCodes.done : exitCodes.nothing;
      });
    } finally {
      await target.close();
    }
  },
});

async function openTarget(
  path: string | undefined,
  { stdout }: Surroundings,
): Promise<{ sink: Sink; close(): Promise<void> }> {
  if (path === undefined || path === "-") return { sink: stdout, close: async () => {} };
  await cutUnfinishedLine(path);
  const sink = createWriteStream(path, { flags: "a", flush: true });
  // Each write hears of its own failure.
  sink.on("error", () => {});
  await once(sink, "open");
  return {
    sink,
    async close() {
      sink.end();
      await finished(sink);
    },
  };
}

/** How many items there are to dump, for the progress bar; null when a node doesn't say. */
async function findLength(nodes: readonly NodeClient[], queue: string): Promise<number | null> {
  const looks = await Promise.all(nodes.map(({ cluster }) => lookAtQueues(cluster)));
  if (looks.some(({ failures }) => failures.length > 0)) return null;
  return looks
    .flatMap(({ rows }) => rows)
    .reduce((sum, { row }) => sum + (row.name === queue ? row.items : 0), 0);
}
