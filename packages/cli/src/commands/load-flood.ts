/**
 * `kq load flood`: producers and consumers at full speed, side by side.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { countFlag, type LoadArguments, loadFlags } from "../load/load-flags.ts";
import type { LoadRun } from "../load/load-run.ts";
import { runLoadTest } from "../load/load-test.ts";

export const loadFloodCommand: Command = defineCommand({
  usage: "load flood",
  describe: "Load test: producers and consumers at full speed",
  examples: [
    ["kq load flood", "10,000 items of 1 kB, one producer, one consumer"],
    ["kq load flood -n 200000 -P 50000 -R 4 -C 4 -B", "50,000 items ahead, and reads that wait"],
  ],
  positionals: {},
  flags: {
    items: countFlag("n", 10_000, "Items in all"),
    kilobytes: countFlag("k", 1, "Kilobytes of an item"),
    prefill: countFlag("P", 0, "Items that are there before the test"),
    producers: countFlag("R", 1, "Producers"),
    consumers: countFlag("C", 1, "Consumers"),
    burst: countFlag("r", 1, "Items in one request; reads then open so many and confirm them together"),
    waiting: { type: "boolean", alias: "B", describe: "Reads wait for items" },
    ...loadFlags,
  },
  async run(args, surroundings) {
    const { queue, items, prefill, producers, consumers, burst, waiting: isWaiting = false } = args;
    if (Math.min(items, producers, consumers, burst) < 1)
      throw new UsageError("-n, -R, -C and -r are at least 1");
    const each = Math.ceil(items / producers);
    return await runLoadTest(
      {
        name: "flood",
        description: `${producers} producers of ${each} items, ${args.kilobytes} kB each, and ${consumers} consumers of ${queue}.`,
        itemBytes: args.kilobytes * 1024,
        length: each * producers + prefill,
        isRead: true,
        queues: [queue],
        async body(run) {
          if (prefill > 0) {
            const first = run.ledger.addProducer(prefill);
            await run.run([run.produce(queue, first, { length: prefill, burst: Math.max(burst, 32) })], []);
          }
          const sources = Array.from({ length: producers }, () => run.ledger.addProducer(each));
          const sinks = Array.from({ length: consumers }, (_, index) =>
            run.nodesOf(index, consumers).map((node) => {
              const reader = `consumer ${index} at node ${node}`;
              return burst === 1
                ? run.consume(queue, node, reader, { isWaiting })
                : monitor(run, queue, node, reader, burst);
            }),
          );
          await run.run(
            sources.map((producer) => run.produce(queue, producer, { length: each, burst })),
            sinks.flat(),
          );
        },
      },
      args as LoadArguments,
      surroundings,
    );
  },
});

/** Opens up to `burst` items at a time, as many as the node allows, and confirms them together. */
async function monitor(
  run: LoadRun,
  queue: string,
  node: number,
  reader: string,
  burst: number,
): Promise<void> {
  const wire = await run.connect(node);
  while (run.isWanting) {
    const items = await run.open(wire, queue, burst);
    if (items.length === 0) continue;
    await wire.confirm(queue, items);
    run.receive(
      items.map(({ data }) => data),
      reader,
    );
  }
  run.drop(wire);
}
