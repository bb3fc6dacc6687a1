/**
 * `kq load leaky-reader`: consumers that now and then forget an item; it must come again, and all must arrive.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { countFlag, type LoadArguments, loadFlags } from "../load/load-flags.ts";
import type { LoadRun } from "../load/load-run.ts";
import { runLoadTest } from "../load/load-test.ts";

export const loadLeakyReaderCommand: Command = defineCommand({
  usage: "load leaky-reader",
  describe: "Load test: consumers that forget to confirm; everything must arrive in the end",
  examples: [
    ["kq load leaky-reader", "1,000 items, one in a hundred forgotten"],
    ["kq load leaky-reader -n 100000 -d 0.05 -t 8", "eight consumers, one in twenty forgotten"],
  ],
  positionals: {},
  flags: {
    items: countFlag("n", 1000, "Items in all"),
    drop: {
      type: "string",
      alias: "d",
      requiresArg: true,
      default: "0.01",
      coerce: (text: string) => parseRate(text),
      describe: "How many of all items are forgotten, from 0 to 0.99",
    },
    consumers: countFlag("t", 1, "Consumers"),
    ...loadFlags,
  },
  async run(args, surroundings) {
    const { queue, items, drop, consumers } = args;
    if (Math.min(items, consumers) < 1) throw new UsageError("-n and -t are at least 1");
    return await runLoadTest(
      {
        name: "leaky-reader",
        description: `${items} items through ${queue} to ${consumers} consumers who forget ${drop * 100} % of them.`,
        itemBytes: 8,
        length: items,
        isRead: true,
        queues: [queue],
        async body(run) {
          const producer = run.ledger.addProducer(items);
          const readers = Array.from({ length: consumers }, (_, index) =>
            run.nodesOf(index, consumers).map((node) => readLeakily(run, queue, node, drop)),
          );
          await run.run([run.produce(queue, producer, { length: items })], readers.flat());
        },
      },
      args as LoadArguments,
      surroundings,
    );
  },
});

/** Forgetting, to a node, is a connection that ends with its item open. */
async function readLeakily(run: LoadRun, queue: string, node: number, dropRate: number): Promise<void> {
  let wire = await run.connect(node);
  while (run.isWanting) {
    const items = await run.open(wire, queue, 1);
    if (items.length === 0) continue;
    if (Math.random() < dropRate) {
      run.drop(wire);
      wire = await run.connect(node);
      continue;
    }
    await wire.confirm(queue, items);
    run.receive(
      items.map(({ data }) => data),
      null,
    );
  }
  run.drop(wire);
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (!(rate >= 0 && rate <= 0.99)) throw new UsageError(`"${text}" is no rate from 0 to 0.99`);
  return rate;
}
