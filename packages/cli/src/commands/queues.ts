/**
 * `kq queues`: a row for each queue of the cluster, or for each node of one queue.
 */
import { setTimeout } from "node:timers/promises";
import { parseCount } from "../arguments/count.ts";
import { parseDurationMs } from "../arguments/duration.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes, UsageError } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import {
  lookAtQueues,
  type QueueLook,
  type QueueRow,
  rowsByNode,
  rowsByQueue,
  withRates,
} from "../queues/queue-list.ts";
import { queueColumns, type SortKey, sortKeys, sortRows } from "../queues/queue-table.ts";
import { say } from "../surroundings.ts";
import { colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

export const queuesCommand: Command = defineCommand({
  usage: "queues",
  describe: "List the queues of the cluster: items, bytes, memory, ages, rates",
  examples: [
    ["kq queues", "all of them, by name"],
    ["kq queues --sort items --top 10", "the ten longest"],
    ["kq queues --rates 5s --sort in", "the busiest, measured over five seconds"],
    ["kq queues --by-node work", "one queue, a row for each node"],
    ["kq queues --roll-up", "fanouts counted with their parent"],
  ],
  positionals: {},
  flags: {
    sort: {
      choices: sortKeys,
      default: "name",
      requiresArg: true,
      describe: "By what; figures greatest first",
    },
    top: {
      type: "string",
      requiresArg: true,
      coerce: (text: string) => parseCount(text, 1),
      describe: "Only so many",
    },
    "by-node": { type: "string", requiresArg: true, describe: "The nodes of this queue instead" },
    "roll-up": { type: "boolean", describe: "Count fanouts (parent+child) with their parent" },
    rates: {
      type: "string",
      requiresArg: true,
      coerce: parseDurationMs,
      describe: "Look twice, so long apart, and tell items in and out a second",
    },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const { stdout, env, interrupted } = surroundings;
    const sort = args.sort as SortKey;
    if ((sort === "in" || sort === "out") && args.rates === undefined) {
      throw new UsageError(`--sort ${sort} needs --rates, e.g. --rates 5s`);
    }
    const rowsOf = (look: QueueLook): QueueRow[] =>
      args.byNode === undefined ? rowsByQueue(look, args.rollUp === true) : rowsByNode(look, args.byNode);
    const cluster = surroundings.connect(await clusterOptions(args as ClusterArguments, surroundings));
    try {
      let look = await lookAtQueues(cluster);
      let rows = rowsOf(look);
      if (args.rates !== undefined) {
        const first = look;
        await setTimeout(args.rates, undefined, { signal: interrupted });
        look = await lookAtQueues(cluster);
        rows = withRates(rowsOf(look), rows, look.atMs - first.atMs);
      }
      for (const { error } of look.failures) say(surroundings, `kq queues: ${explain(error)}`);
      const sorted = sortRows(rows, sort, args.top ?? Number.POSITIVE_INFINITY);
      const columns = queueColumns(args.byNode === undefined ? "queue" : "node", args.rates !== undefined);
      const form = formOf(stdout, args.json);
      if (sorted.length > 0 || form === "json") {
        await writeOut(stdout, renderRows(form, columns, sorted, colorsFor(stdout, env)));
      }
      if (look.failures.length > 0) return exitCodes.failed;
      return sorted.length > 0 ? exitCodes.done : exitCodes.nothing;
    } finally {
      await cluster.close();
    }
  },
});
