// The parts of one client, put together: who is in the cluster, how nodes are chosen, what is put, read and consumed.
// Each learns here of what changes at the others, and all are closed in the order in which they need each other.

import type { EventEmitter } from "node:events";
import { Puts } from "./cluster/puts.ts";
import { Reads } from "./cluster/reads.ts";
import { createStrategy } from "./cluster/strategy.ts";
import { Strays } from "./cluster/strays.ts";
import { Consumption } from "./consumer/consumption.ts";
import type { ClusterEvents } from "./events.ts";
import { Members } from "./members.ts";
import { type ClusterOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import { QueueNames } from "./queue-name.ts";
import { Requests } from "./requests.ts";

export class ClientParts {
  readonly options: ResolvedOptions;
  readonly names: QueueNames;
  readonly requests: Requests;
  readonly members: Members;
  readonly puts: Puts;
  readonly reads: Reads;
  readonly consumption: Consumption;
  readonly #strays: Strays | undefined;

  /** Throws `bad-request`, naming what is wrong, when the options make no sense. */
  constructor(options: ClusterOptions, events: EventEmitter<ClusterEvents>) {
    this.options = resolveOptions(options);
    const { strategy: strategyName, guarantee, search, instrument, namespace } = this.options;
    this.names = new QueueNames(namespace);
    this.requests = new Requests(this.names, this.options);
    this.members = new Members(options.servers, {
      options: this.options,
      events,
      queues: () => this.reads.queues,
      onChange: () => this.#placesChanged(),
    });
    const { cluster, departures } = this.members;
    const strays = new Strays({ cluster, search, onFound: (queue) => this.reads.rearrangeFor(queue) });
    const strategy = createStrategy(strategyName, cluster, strays);
    // Elsewhere items have no home to stray from.
    this.#strays = strategyName === "hash" ? strays : undefined;
    this.puts = new Puts(strategy, guarantee);
    this.reads = new Reads({ strategy, departures, strays: this.#strays });
    const { names, puts, reads } = this;
    this.consumption = new Consumption({ cluster, reads, puts, names, instrument, events });
    this.members.start();
  }

  async close(): Promise<void> {
    const stopped = this.members.stop();
    this.reads.close();
    const consumed = this.consumption.close();
    this.puts.close();
    this.#strays?.close();
    await consumed;
    await Promise.all([this.members.close(), stopped]);
  }

  /** There may be other nodes to ask now than before. */
  #placesChanged(): void {
    this.#strays?.somethingChanged();
    this.reads.rearrange();
    this.puts.somethingChanged();
  }
}
