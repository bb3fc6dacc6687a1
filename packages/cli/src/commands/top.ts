/**
 * `kq top`: the busiest queues, looked at again and again, until Ctrl-C.
 */
import { setTimeout } from "node:timers/promises";
import { parseCount } from "../arguments/count.ts";
import { parseDurationMs } from "../arguments/duration.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { lookAtQueues, rowsByQueue, withRates } from "../queues/queue-list.ts";
import { queueColumns, type SortKey, sortKeys, sortRows } from "../queues/queue-table.ts";
import { type Sink, say } from "../surroundings.ts";
import { colorsFor, formOf, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

/** Moves a terminal's cursor to its upper left corner and clears what is there. */
const clearScreen = "\x1b[H\x1b[2J";
/** Lines that are no row: the heading and the last line of the screen. */
const linesAround = 3;
const rowsInPipe = 20;

export const topCommand: Command = defineCommand({
  usage: "top",
  describe: "Watch the busiest queues until Ctrl-C",
  examples: [
    ["kq top", "by items put a second, every two seconds"],
    ["kq top --sort items --every 10s", "the longest queues"],
    ["kq top --rounds 3 --json", "three looks, a line of JSON each"],
  ],
  positionals: {},
  flags: {
    sort: {
      choices: sortKeys,
      default: "in",
      requiresArg: true,
      describe: "By what; figures greatest first",
    },
    every: {
      type: "string",
      requiresArg: true,
      default: "2s",
      coerce: parseDurationMs,
      describe: "How long between two looks",
    },
    rounds: {
      type: "string",
      requiresArg: true,
      coerce: (text: string) => parseCount(text, 1),
      describe: "End after so many",
    },
    "roll-up": { type: "boolean", describe: "Count fanouts (parent+child) with their parent" },
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const { stdout, env, interrupted } = surroundings;
    const form = formOf(stdout, args.json);
    const colors = colorsFor(stdout, env);
    const cluster = surroundings.connect(await clusterOptions(args as ClusterArguments, surroundings));
    try {
      let before = await lookAtQueues(cluster);
      let isWhole = true;
      for (let round = 0; round < (args.rounds ?? Number.POSITIVE_INFINITY); round++) {
        if (!(await isStillWanted(args.every, interrupted))) break;
        const look = await lookAtQueues(cluster);
        isWhole = look.failures.length === 0;
        const isRolledUp = args.rollUp === true;
        const rows = withRates(
          rowsByQueue(look, isRolledUp),
          rowsByQueue(before, isRolledUp),
          look.atMs - before.atMs,
        );
        before = look;
        const text = renderRows(
          form,
          queueColumns("queue", true),
          sortRows(rows, args.sort as SortKey, rowsThatFit(stdout)),
          colors,
        );
        const warnings = look.failures.map(({ error }) => explain(error));
        if (form === "table") {
          const lines = warnings.map((line) => `${colors.red(line)}\n`);
          await writeOut(stdout, `${clearScreen}${text}${lines.join("")}`);
        } else {
          await writeOut(stdout, text);
          for (const line of warnings) say(surroundings, `kq top: ${line}`);
        }
      }
      return isWhole ? exitCodes.done : exitCodes.failed;
    } finally {
      await cluster.close();
    }
  },
});

async function isStillWanted(ms: number, interrupted: AbortSignal): Promise<boolean> {
  try {
    await setTimeout(ms, undefined, { signal: interrupted });
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
  return !interrupted.aborted;
}

function rowsThatFit(stdout: Sink): number {
  return stdout.isTTY === true && stdout.rows !== undefined
    ? Math.max(1, stdout.rows - linesAround)
    : rowsInPipe;
}
