/**
 * `kq load many-clients`: one producer that trickles, and many consumers that wait for its items.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { countFlag, type LoadArguments, loadFlags } from "../load/load-flags.ts";
import type { LoadRun } from "../load/load-run.ts";
import { runLoadTest } from "../load/load-test.ts";

export const loadManyClientsCommand: Command = defineCommand({
  usage: "load many-clients",
  describe: "Load test: one producer trickles, many consumers wait; each item must arrive",
  examples: [
    ["kq load many-clients", "100 items, a tenth of a second apart, and 100 consumers"],
    ["kq load many-clients -x -k 10 -s 5 -n 5000", "reliable reads, a tenth of which drop their connection"],
  ],
  positionals: {},
  flags: {
    pause: countFlag("s", 100, "Milliseconds between puts"),
    items: countFlag("n", 100, "Items in all"),
    clients: countFlag("c", 100, "Consumers"),
    kill: countFlag("k", 0, "Percent of reads whose connection is dropped before the answer; implies -x"),
    reliable: { type: "boolean", alias: "x", describe: "Reliable reads" },
    ...loadFlags,
  },
  async run(args, surroundings) {
    const { queue, items, clients, kill, pause } = args;
    if (kill > 99) throw new UsageError("-k is a percentage below 100");
    if (clients < 1 || items < 1) throw new UsageError("there must be a consumer, and an item");
    const isReliable = args.reliable === true || kill > 0;
    return await runLoadTest(
      {
        name: "many-clients",
        description: `${items} items, ${pause} ms apart, to ${clients} waiting consumers of ${queue}; ${kill} % dropped.`,
        itemBytes: 1024,
        length: items,
        isRead: true,
        queues: [queue],
        async body(run) {
          const producer = run.ledger.addProducer(items);
          const consumers = Array.from({ length: clients }, (_, index) =>
            run
              .nodesOf(index, clients)
              .map((node) =>
                isReliable
                  ? readReliably(run, queue, node, kill / 100)
                  : run.consume(queue, node, `consumer ${index} at node ${node}`),
              ),
          );
          await run.run([run.produce(queue, producer, { length: items, pauseMs: pause })], consumers.flat());
        },
      },
      args as LoadArguments,
      surroundings,
    );
  },
});

/** Opens and confirms; now and then the connection is gone before the answer is, and the item must come again. */
async function readReliably(run: LoadRun, queue: string, node: number, dropRate: number): Promise<void> {
  let wire = await run.connect(node);
  while (run.isWanting) {
    if (Math.random() < dropRate) {
      const doomed = wire.open(queue, 1000, 1).catch(() => []);
      // The request leaves with this turn of the event loop; the connection ends in the next.
      await new Promise(setImmediate);
      run.drop(wire);
      await doomed;
      wire = await run.connect(node);
      continue;
    }
    const items = await run.open(wire, queue, 1);
    if (items.length === 0) continue;
    await wire.confirm(queue, items);
    run.receive(
      items.map(({ data }) => data),
      null,
    );
  }
  run.drop(wire);
}
