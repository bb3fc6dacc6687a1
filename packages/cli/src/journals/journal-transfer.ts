/**
 * What importing and exporting journals of Kestrel 2.x have in common: the queues that are meant, and the way from
 * one folder to the other.
 */
import type { Logger, TransferOptions } from "@kestrel-mq/server";
import type { Surroundings } from "../surroundings.ts";
import { Progress } from "../terminal/progress.ts";

/** The queues of a folder; all if none is named. */
export const queuesPositional = {
  queues: {
    type: "string",
    array: true,
    default: [] as string[],
    defaultDescription: "all",
    describe: "Only these queues",
  },
} as const;

export interface TransferArguments {
  from: string;
  to: string;
  queues: string[];
}

/** Runs a transfer, with progress told as "<verb> 17 items", until Ctrl-C. */
export async function transfer<T>(
  { from, to, queues }: TransferArguments,
  run: (options: TransferOptions) => Promise<T>,
  { verb, logger }: { verb: string; logger: Logger },
  surroundings: Surroundings,
): Promise<T> {
  const progress = new Progress(surroundings, verb, null);
  try {
    return await run({
      from,
      to,
      ...(queues.length > 0 ? { queueNames: queues } : {}),
      logger,
      onProgress: (items) => progress.advance(items),
      signal: surroundings.interrupted,
    });
  } finally {
    progress.stop();
  }
}
