/**
 * `kq put`: items from the command line or from standard input into a queue.
 */

import { parseExpiry } from "../arguments/expiry.ts";
import { type Command, defineCommand, jsonFlag } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { readLines, readWhole } from "../items/lines.ts";
import { atLeastOnceFlag, putAll } from "../items/put-all.ts";
import type { PutItem } from "../items/putting.ts";
import { type ClusterArguments, clusterFlags, clusterOptions } from "../nodes/cluster.ts";
import { type Surroundings, say } from "../surroundings.ts";
import { Progress } from "../terminal/progress.ts";

/** The largest item that a node takes unless it is set otherwise. */
const itemBytesMax = 64 * 1024 * 1024;

export const putCommand: Command = defineCommand({
  usage: "put <queue> [items..]",
  describe: "Put items into a queue: those named, else one a line from standard input",
  examples: [
    ["kq put work hello", "one item"],
    ["kq put work -- -5 --odd", "items that look like flags go after --"],
    ["seq 1 1000 | kq put work", "one item a line"],
    ["kq put photos --whole < cat.jpg", "all of standard input as one item"],
    ["kq put work --expires 10m hello", "gone unless somebody gets it within ten minutes"],
    ["kq put work --key user-7 hello", "on the node of that key, in order with its other items"],
  ],
  positionals: {
    queue: { type: "string", demandOption: true, describe: "The queue" },
    items: {
      type: "string",
      array: true,
      default: [] as string[],
      defaultDescription: "lines of standard input",
      describe: "The items; - alone is standard input",
    },
  },
  flags: {
    whole: { type: "boolean", describe: "All of standard input is one item" },
    expires: {
      type: "string",
      requiresArg: true,
      coerce: parseExpiry,
      describe: "When the items expire: 30s, 10m, or 2030-01-31T08:00Z",
    },
    key: {
      type: "string",
      requiresArg: true,
      describe: "Items of one key go to one node and keep their order",
    },
    ...atLeastOnceFlag,
    ...clusterFlags,
    ...jsonFlag,
  },
  async run(args, surroundings) {
    const items = args.items.length === 1 && args.items[0] === "-" ? [] : args.items;
    if (args.whole === true && items.length > 0)
      throw new UsageError("--whole reads standard input and takes no items");
    const isPiped = items.length === 0 && args.serversFile !== "-";
    if (items.length === 0 && !isPiped)
      throw new UsageError("standard input cannot hold both servers and items");
    const cluster = surroundings.connect({
      ...(await clusterOptions(args as ClusterArguments, surroundings)),
      guarantee: args.atLeastOnce === true ? "at-least-once" : "at-most-once",
    });
    if (isPiped && surroundings.stdin.isTTY === true)
      say(surroundings, "Items from the terminal, one a line; Ctrl-D ends.");
    const progress = new Progress(surroundings, "put", isPiped ? null : items.length);
    return await putAll(
      {
        name: "put",
        cluster,
        queue: args.queue,
        options: {
          ...(args.expires === undefined ? {} : { expires: args.expires }),
          ...(args.key === undefined ? {} : { key: args.key }),
        },
        items: batches(items, args.whole === true, surroundings),
        input: surroundings.stdin,
        progress,
        json: args.json,
        onStored: () => progress.advance(1),
      },
      surroundings,
    );
  },
});

async function* batches(
  items: readonly string[],
  isWhole: boolean,
  { stdin }: Surroundings,
): AsyncGenerator<PutItem[]> {
  if (items.length > 0) {
    yield items.map((item) => ({ data: Buffer.from(item) }));
  } else if (isWhole) {
    yield [{ data: await readWhole(stdin, itemBytesMax) }];
  } else {
    for await (const lines of readLines(stdin, itemBytesMax)) yield lines.map((data) => ({ data }));
  }
}
