/**
 * A long run of puts from its beginning to its account: what `kq put` and `kq load` have in common.
 */
import type { Readable } from "node:stream";
import type { ExitCode } from "../exit-code.ts";
import type { Cluster } from "../nodes/cluster.ts";
import { tellNodesDown } from "../nodes/nodes-down.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Progress } from "../terminal/progress.ts";
import { reportPutting } from "./put-report.ts";
import { type PutItem, type PutOptions, Putting } from "./putting.ts";

export const atLeastOnceFlag = {
  "at-least-once": {
    type: "boolean",
    describe: "Put an item again when its outcome is unknown; it may then be there twice",
  },
} as const;

export interface PutTask {
  /** The command's name, for messages. */
  name: string;
  /** Closed in the end. */
  cluster: Cluster;
  queue: string;
  options: PutOptions;
  items: AsyncIterable<readonly PutItem[]>;
  /** What `items` come from: destroyed in the end, or when the command is interrupted. */
  input: Readable;
  progress: Progress;
  json: boolean | undefined;
  /** Numbers of items given to earlier runs. */
  numbersUsed?: number;
  onStored(number: number): void;
  /** Called when all outcomes are known. */
  onEnd?(isComplete: boolean): Promise<void>;
}

/** Puts all items and tells what became of them. Exit code 1 unless every item is stored. */
export async function putAll(task: PutTask, surroundings: Surroundings): Promise<ExitCode> {
  const { name, cluster, queue, options, items, input, progress, onStored } = task;
  const { interrupted } = surroundings;
  const startedMs = Date.now();
  const putting = new Putting(cluster, queue, options, onStored, task.numbersUsed);
  const stopReading = () => input.destroy();
  interrupted.addEventListener("abort", stopReading);
  try {
    cluster.nodeFor(queue); // Refuses an impossible name before anything is read.
    await putting.putAll(items, interrupted);
    await task.onEnd?.(putting.isComplete);
    if (putting.stored > 0) tellNodesDown(name, cluster, "the others took its share", surroundings);
  } finally {
    interrupted.removeEventListener("abort", stopReading);
    stopReading();
    progress.stop();
    await cluster.close();
  }
  return await reportPutting(name, putting, Date.now() - startedMs, task.json === true, surroundings);
}
