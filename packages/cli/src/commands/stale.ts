/**
 * `kq stale`: queues in which items lie and nothing moves.
 */
import { setTimeout } from "node:timers/promises";
import { parseCount } from "../arguments/count.ts";
import { parseDurationMs } from "../arguments/duration.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { lookAtQueues, type QueueRow, rowsByQueue } from "../queues/queue-list.ts";
import { sortRows } from "../queues/queue-table.ts";
import { say } from "../surroundings.ts";
import { type Column, colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { Progress } from "../terminal/progress.ts";
import { writeOut } from "../terminal/writing.ts";

export const staleCommand: Command = defineCommand({
  usage: "stale [rounds]",
  describe: "Find queues that don't move: items in them, and none put or got while we looked",
  examples: [
    ["kq stale", "looks five times, five seconds apart"],
    ["kq stale 3 --every 1m", "looks three times, a minute apart"],
  ],
  positionals: {
    rounds: {
      type: "string",
      default: "5",
      coerce: (text: string) => parseCount(text, 2),
      describe: "How often to look",
    },
  },
  flags: {
    every: {
      type: "string",
      requiresArg: true,
      default: "5s",
      coerce: parseDurationMs,
      describe: "How long between two looks",
    },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const { stdout, env, interrupted } = surroundings;
    const cluster = surroundings.connect(await clusterOptions(args as ClusterArguments, surroundings));
    const progress = new Progress(surroundings, "looked", args.rounds, { noun: "times" });
    try {
      let still: QueueRow[] | undefined;
      const failures = new Map<string, unknown>();
      for (let round = 0; round < args.rounds; round++) {
        if (round > 0) await setTimeout(args.every, undefined, { signal: interrupted });
        const look = await lookAtQueues(cluster);
        for (const { node, error } of look.failures) failures.set(node, error);
        const now = new Map(rowsByQueue(look, false).map((row) => [row.name, row]));
        still = (still ?? [...now.values()]).filter((row) => isUnmoved(row, now.get(row.name)));
        progress.advance(1);
      }
      progress.stop();
      for (const error of failures.values()) say(surroundings, `kq stale: ${explain(error)}`);
      const rows = sortRows(still ?? [], "items", Number.POSITIVE_INFINITY);
      const form = formOf(stdout, args.json);
      if (rows.length > 0 || form === "json") {
        await writeOut(stdout, renderRows(form, columns, rows, colorsFor(stdout, env)));
      }
      if (failures.size > 0) return exitCodes.failed;
      return rows.length > 0 ? exitCodes.done : exitCodes.nothing;
    } finally {
      progress.stop();
      await cluster.close();
    }
  },
});

function isUnmoved(before: QueueRow, now: QueueRow | undefined): boolean {
  return (
    now !== undefined && now.items > 0 && now.items === before.items && now.totalItems === before.totalItems
  );
}

const columns: Column<QueueRow>[] = [
  { title: "queue", value: (row) => row.name },
  { title: "items", align: "right", value: (row) => row.items },
  { title: "total-items", align: "right", value: (row) => row.totalItems },
];
