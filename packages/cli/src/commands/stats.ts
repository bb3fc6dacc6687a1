/**
 * `kq stats`: the statistics of the nodes, or of one queue on each of them.
 */

import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { exitCodes } from "../exit-code.ts";
import { explain } from "../failure.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { combine, splitStats } from "../queues/queue-stats.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { type Column, colorsFor, formOf, renderJson, renderRows } from "../terminal/output.ts";
import { writeOut } from "../terminal/writing.ts";

/** The figures of one node. */
interface NodeFigures {
  node: string;
  figures: Map<string, string>;
}

export const statsCommand: Command = defineCommand({
  usage: "stats [queue]",
  describe: "Show the statistics of every node, or those of one queue",
  examples: [
    ["kq stats", "a column for each node"],
    ["kq stats work", "those of one queue, and their total; exit code 3 if no node knows it"],
    ["kq stats work | grep ^total", "in a pipe: node, statistic and value, tab-separated"],
  ],
  positionals: { queue: { type: "string", describe: "The queue" } },
  flags: { ...clusterFlags, ...jsonFlag },
  async run(args, surroundings) {
    const cluster = surroundings.connect(await clusterOptions(args as ClusterArguments, surroundings));
    try {
      const found: NodeFigures[] = [];
      let isWhole = true;
      for (const result of await cluster.stats()) {
        if (!result.ok) {
          isWhole = false;
          say(surroundings, `kq stats: ${explain(result.error)}`);
          continue;
        }
        const { server, queues } = splitStats(result.stats);
        const figures = args.queue === undefined ? server : queues.get(args.queue);
        if (figures !== undefined) found.push({ node: result.node, figures });
      }
      const columns = args.queue === undefined ? found : [total(found), ...found];
      if (found.length > 0) await writeOut(surroundings.stdout, render(columns, args.json, surroundings));
      if (!isWhole) return exitCodes.failed;
      return found.length > 0 ? exitCodes.done : exitCodes.nothing;
    } finally {
      await cluster.close();
    }
  },
});

function total(found: readonly NodeFigures[]): NodeFigures {
  const figures = new Map<string, string>();
  for (const name of namesIn(found)) {
    const combined = combine(
      name,
      found.flatMap(({ figures }) => figures.get(name) ?? []),
    );
    if (combined !== null) figures.set(name, combined);
  }
  return { node: "total", figures };
}

function render(
  found: readonly NodeFigures[],
  json: boolean | undefined,
  { stdout, env }: Surroundings,
): string {
  const form = formOf(stdout, json);
  if (form === "json") {
    return renderJson(
      found.map(({ node, figures }) => ({
        node,
        stats: Object.fromEntries([...figures].map(([name, value]) => [name, number(value)])),
      })),
    );
  }
  if (form === "plain") {
    return found
      .flatMap(({ node, figures }) => [...figures].map(([name, value]) => `${node}\t${name}\t${value}\n`))
      .join("");
  }
  const columns: Column<string>[] = [
    { title: "", value: (name) => name },
    ...found.map(
      ({ node, figures }): Column<string> => ({
        title: node,
        align: "right",
        value: (name) => figures.get(name) ?? "",
      }),
    ),
  ];
  return renderRows("table", columns, namesIn(found), colorsFor(stdout, env));
}

function namesIn(found: readonly NodeFigures[]): string[] {
  return [...new Set(found.flatMap(({ figures }) => [...figures.keys()]))];
}

function number(text: string): string | number {
  return /^-?\d{1,15}(\.\d+)?$/.test(text) ? Number(text) : text;
}
