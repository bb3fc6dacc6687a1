/**
 * `kq load packing`: a queue that always stays behind, so that its journal grows, is read back and shrinks.
 */
import { setTimeout } from "node:timers/promises";
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { countFlag, type LoadArguments, loadFlags } from "../load/load-flags.ts";
import { runLoadTest } from "../load/load-test.ts";

export const loadPackingCommand: Command = defineCommand({
  usage: "load packing",
  describe: "Load test: a queue that stays behind, in cycles, checking order",
  examples: [
    ["kq load packing -c 5", "25,000 items of 1 kB ahead, and five cycles of putting and getting as many"],
    ["kq load packing -n 100000 -k 4 -t 0 -c 10", "a larger backlog, without pauses"],
  ],
  positionals: {},
  flags: {
    items: countFlag("n", 25_000, "Items of one cycle"),
    kilobytes: countFlag("k", 1, "Kilobytes of an item"),
    pause: countFlag("t", 1, "Seconds between cycles"),
    cycles: countFlag("c", 100, "Cycles"),
    ...loadFlags,
  },
  async run(args, surroundings) {
    const { queue, items, cycles, pause } = args;
    if (items < 1) throw new UsageError("-n is at least 1");
    const total = items * (cycles + 1);
    return await runLoadTest(
      {
        name: "packing",
        description: `${items} items of ${args.kilobytes} kB ahead in ${queue}, then ${cycles} cycles of as many.`,
        itemBytes: args.kilobytes * 1024,
        length: total,
        isRead: true,
        queues: [queue],
        async body(run) {
          const producer = run.ledger.addProducer(total);
          const put = (cycle: number) => run.produce(queue, producer, { from: cycle * items, length: items });
          // The one producer begins each cycle with the first node.
          const share = (node: number) => Math.ceil(Math.max(0, items - node) / run.nodeCount);
          const get = () =>
            run.allNodes.map((node) =>
              run.consume(queue, node, `consumer at node ${node}`, { limit: share(node) }),
            );
          await run.run([put(0)], []);
          for (let cycle = 0; cycle < cycles; cycle++) {
            await run.run([put(cycle + 1)], get());
            await setTimeout(pause * 1000, undefined, { signal: surroundings.interrupted });
          }
          await run.run([], get());
        },
      },
      args as LoadArguments,
      surroundings,
    );
  },
});
