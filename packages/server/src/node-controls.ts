/** What clients may ask of the node beyond its queues: its status, its settings, its end. */
import { KestrelError } from "./errors.ts";
import type { QueueCollection } from "./queue/queue-collection.ts";
import type { ServerControls } from "./session/controls.ts";
import { renderSettings } from "./settings/queue-rules.ts";
import type { StatisticGroup } from "./stats/statistic.ts";
import { type NodeStatus, parseStatus, renderStatus } from "./status/node-status.ts";

/** Characters of an error that a client is told. */
const answerLengthMax = 500;

export interface NodeControlsOptions {
  readonly queues: QueueCollection;
  readonly status: NodeStatus;
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export class NodeControls implements ServerControls {
  readonly #options: NodeControlsOptions;
  readonly #status: NodeStatus;

  constructor(options: NodeControlsOptions) {
    this.#options = options;
    this.#status = options.status;
  }

  get status(): string {
    return renderStatus(this.#status.announced);
  }

  setStatus(text: string): void {
    const status = parseStatus(text);
    if (status === undefined) throw new KestrelError("bad-request", `there is no status ${text}`);
    this.#status.announce(status);
  }

  get takesReads(): boolean {
    return this.#status.takesReads;
  }

  get takesWrites(): boolean {
    return this.#status.takesWrites;
  }

  async reload(): Promise<void> {
    try {
      await this.#options.reload();
    } catch (error) {
      // A settings file may have any number of problems. The log has them all.
      const { message } = error as Error;
      const shown = message.length > answerLengthMax ? `${message.slice(0, answerLengthMax)}…` : message;
      throw new Error(shown, { cause: error });
    }
  }

  shutdown(): void {
    // Not under the feet of the connection that asks for it. How it ends is told by the server's `stopped`.
    setImmediate(() => this.#options.stop().catch(() => {}));
  }

  /** Queues that exist, then those that the settings name and nobody has referred to yet, then aliases. */
  describeQueues(): StatisticGroup[] {
    const { queues } = this.#options;
    const { rules } = queues;
    const names = new Set([...queues.names(), ...rules.queueNames]);
    return [
      ...Array.from(names, (queue) => ({ queue, statistics: renderSettings(rules.settingsFor(queue)) })),
      ...rules.aliasNames.map((queue): StatisticGroup => {
        return { queue, statistics: [["destinationQueues", rules.findDestinations(queue)!.join(",")]] };
      }),
    ];
  }
}
