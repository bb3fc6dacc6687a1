/**
 * What has to be undone even if kq is killed, when it can do nothing itself any more: another process of it waits for
 * the end of this one. Only a kill of both, or of the machine, leaves something behind.
 */
import { spawn } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { ClusterOptions } from "@kestrel-mq/client";
import { readWhole } from "./items/lines.ts";
import type { Surroundings } from "./surroundings.ts";

/** A queue to be deleted on every node of a cluster. */
export interface Aftermath {
  queue: string;
  options: ClusterOptions;
}

/** The word with which the other process is called. */
export const aftermathWord = "__aftermath";

const aftermathBytesMax = 16 * 1024 * 1024;
/** Nodes that can't be reached just then are tried again for a minute. */
const attemptsMax = 60;
const pauseMs = 1000;

/** Has it done as soon as this process has ended, however it does. Gives what calls that off. */
export function doWhenKilled(aftermath: Aftermath): () => void {
  const program = fileURLToPath(new URL("../bin/kq.js", import.meta.url));
  // A session of its own: what ends us, Ctrl-C or a kill of our group, must not end it.
  const child = spawn(process.execPath, [program, aftermathWord], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  // Without it there is nobody to clean up after a kill, and all else goes on.
  child.on("error", () => {});
  child.stdin.on("error", () => {});
  // Not as arguments, which everybody can read: there may be a password among it. The pipe ends when we do.
  child.stdin.write(JSON.stringify(aftermath));
  return () => void child.kill("SIGKILL");
}

/** The other process: reads what is to be done, waits for the end of its input, and does it. */
export async function carryOut({ stdin, connect }: Surroundings): Promise<void> {
  const { queue, options } = JSON.parse(String(await readWhole(stdin, aftermathBytesMax))) as Aftermath;
  const cluster = connect(options);
  try {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const results = await cluster.delete(queue);
      if (results.every(({ ok }) => ok)) return;
      await setTimeout(pauseMs);
    }
  } finally {
    await cluster.close();
  }
}
