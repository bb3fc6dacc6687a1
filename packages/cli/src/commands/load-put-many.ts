/**
 * `kq load put-many`: as many puts as the nodes take, from many connections.
 */
import { type Command, defineCommand } from "../command.ts";
import { UsageError } from "../exit-code.ts";
import { countFlag, type LoadArguments, loadFlags } from "../load/load-flags.ts";
import { runLoadTest } from "../load/load-test.ts";

export const loadPutManyCommand: Command = defineCommand({
  usage: "load put-many",
  describe: "Load test: many clients put as fast as they can",
  examples: [
    ["kq load put-many", "10,000 items of 1 kB from 100 clients"],
    ["kq load put-many -n 1000000 -c 50 -r 32 -g", "in bursts of 32, and get them again"],
  ],
  positionals: {},
  flags: {
    clients: countFlag("c", 100, "Clients, each with a connection"),
    items: countFlag("n", 10_000, "Items in all"),
    bytes: countFlag("b", 1024, "Bytes of an item"),
    burst: countFlag("r", 1, "Items in one request"),
    queues: countFlag("Q", 1, "Queues; with more than one, their numbers follow the name"),
    get: { type: "boolean", alias: "g", describe: "Get the items afterwards" },
    ...loadFlags,
  },
  async run(args, surroundings) {
    const { clients, bytes, burst, get: isRead = false } = args;
    const each = Math.floor(args.items / clients);
    if (!(each >= 1 && burst >= 1 && args.queues >= 1))
      throw new UsageError("there must be an item for each client");
    const queues = Array.from({ length: args.queues }, (_, index) =>
      args.queues > 1 ? `${args.queue}${index}` : args.queue,
    );
    const length = each * clients;
    const names = queues.length > 1 ? `${queues.length} queues ${args.queue}` : args.queue;
    return await runLoadTest(
      {
        name: "put-many",
        description: `Put ${length} items of ${bytes} bytes in bursts of ${burst} to ${names} from ${clients} clients.`,
        itemBytes: bytes,
        length,
        isRead,
        queues,
        async body(run) {
          const all = Array.from({ length: clients }, (_, index) => ({
            queue: queues[index % queues.length]!,
            producer: run.ledger.addProducer(each),
            // Neighbours share a queue's node in turn, so that each queue is on every node.
            node: Math.floor(index / queues.length) % run.nodeCount,
          }));
          await run.run(
            all.map(({ queue, producer, node }) =>
              run.produce(queue, producer, { length: each, nodes: [node], burst }),
            ),
            [],
          );
          if (!isRead) return;
          await run.run(
            [],
            all.map(({ queue, producer, node }) =>
              run.consume(queue, node, `client ${producer}`, { isWaiting: false, limit: each }),
            ),
          );
        },
      },
      args as LoadArguments,
      surroundings,
    );
  },
});
