/**
 * `/metrics` for Prometheus. The families read the engine when they are asked; nothing is counted twice. At most
 * so many queues are listed, those created first, so that the list doesn't change from scrape to scrape; a gauge
 * tells how many were left out.
 */
import { type Metric, Registry } from "prom-client";
import type { Queue } from "../queue/queue.ts";
import type { AdminHost } from "./admin-host.ts";
import { text } from "./answer.ts";
import type { MetricFamily, QueueMetricFamily, Sample } from "./metric-family.ts";
import { queueMetricFamilies, serverMetricFamilies, zookeeperMetricFamilies } from "./prometheus-families.ts";
import type { Route } from "./route.ts";

export function prometheusRoutes(host: AdminHost): Route[] {
  const registry = new Registry();
  const scrape = new Scrape(host);
  const families =
    host.announcer === null ? serverMetricFamilies : [...serverMetricFamilies, ...zookeeperMetricFamilies];
  for (const definition of families) {
    register(registry, definition, async () => {
      await scrape.turn();
      return definition.read(host, scrape);
    });
  }
  for (const definition of queueMetricFamilies) {
    register(registry, definition, () => scrape.readQueues(definition));
  }
  let underWay: Promise<string> | null = null;
  const render = (): Promise<string> => {
    scrape.begin();
    return registry.metrics().finally(() => {
      underWay = null;
    });
  };
  return [
    {
      path: "/metrics",
      // Whoever comes while one is under way gets the same.
      GET: async () => text(await (underWay ??= render()), registry.contentType),
    },
  ];
}

/** prom-client asks a metric for no more than this. */
function register(
  registry: Registry,
  { name, help, type }: MetricFamily,
  read: () => Promise<Sample[]>,
): void {
  const metric = { name, help, type, get: async () => ({ name, help, type, values: await read() }) };
  registry.registerMetric(metric as unknown as Metric);
}

/** Queues read before others get their turn. */
const sliceLength = 200;

/** The queues of one scrape. */
class Scrape {
  readonly #host: AdminHost;
  #listed: Queue[] = [];
  omitted = 0;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(host: AdminHost) {
    this.#host = host;
  }

  begin(): void {
    const { queues, metricsQueuesMax } = this.#host;
    const all = queues.names();
    this.#listed = all.slice(0, metricsQueuesMax).map((name) => queues.find(name)!);
    this.omitted = all.length - this.#listed.length;
  }

  async readQueues({ read }: QueueMetricFamily): Promise<Sample[]> {
    const samples: Sample[] = [];
    for (let at = 0; at < this.#listed.length; at += sliceLength) {
      await this.turn();
      for (const queue of this.#listed.slice(at, at + sliceLength)) {
        samples.push(...read(queue, this.#host.metrics.find(queue)));
      }
    }
    return samples;
  }

  /** One family, or a slice of it, at a time, with a look at everybody else between two. */
  turn(): Promise<void> {
    this.#lastTurn = this.#lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#lastTurn;
  }
}
