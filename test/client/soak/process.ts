/**
 * The process in which the users of a soak live, so that what they leave behind in it can be measured: memory, sockets
 * and timers after each round, and whether it ends by itself when all rounds are over. Spoken to by messages.
 */

import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ClusterOptions } from "@kestrel-mq/client";
import { Random } from "../../crash/random.ts";
import type { Tally } from "./ledger.ts";
import { Users } from "./users.ts";

export type Order =
  | { readonly order: "begin"; readonly options: ClusterOptions; readonly seed: number }
  | { readonly order: "finish" }
  | { readonly order: "end" };

export interface Footprint {
  readonly heapBytes: number;
  readonly residentBytes: number;
  /** What keeps the process alive, by kind: sockets, timers. */
  readonly resources: Record<string, number>;
  /** File descriptors; 0 where the system doesn't tell. */
  readonly openFiles: number;
}

export interface Report {
  readonly violations: readonly string[];
  readonly tally: Tally;
  /** The longest call of each name, in milliseconds. */
  readonly longest: Record<string, number>;
  /** Calls that never ended. */
  readonly hanging: readonly string[];
  readonly footprint: Footprint;
}

/** How long the items that were stored may take to be handled once all is well. */
const drainMsMax = 60_000;
/** What may still be on its way when everything reported stored has been handled: items of unknown puts. */
const quietMs = 500;

const descriptors = "/proc/self/fd";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

let users: Users | undefined;

process.on("message", (order: Order) => {
  if (order.order === "begin") users = new Users(order.options, new Random(order.seed));
  else if (order.order === "finish") void finish().then((report) => process.send!(report));
  else process.disconnect();
});

async function finish(): Promise<Report> {
  const these = users!;
  users = undefined;
  await these.endPuts();
  const endsAt = performance.now() + drainMsMax;
  while (these.ledger.missing > 0 && performance.now() < endsAt) await pause(20);
  for (let handled = -1; handled !== these.handled; await pause(quietMs)) handled = these.handled;
  await Promise.race([these.leave(), pause(drainMsMax, undefined, { ref: false })]);
  const hanging = these.outstanding();
  const tally = these.ledger.judge(these.unnamedConfirms);
  const { violations } = these.ledger;
  return {
    violations,
    tally,
    longest: Object.fromEntries(these.longest),
    hanging,
    footprint: await measure(),
  };
}

/** Connections that are ended wait for what was asked on them: by then they are gone, or never go. */
const endMsMax = 5_000;

/** With all that is about to end ended, and all that is only waiting to be collected collected. */
async function measure(): Promise<Footprint> {
  const endsAt = performance.now() + endMsMax;
  const isOpen = (kind: string): boolean => kind === "TCPSocketWrap";
  while (process.getActiveResourcesInfo().some(isOpen) && performance.now() < endsAt) await pause(20);
  for (let turn = 0; turn < 3; turn++) {
    await pause(50);
    collect();
  }
  const resources: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) resources[kind] = (resources[kind] ?? 0) + 1;
  const { heapUsed, rss } = process.memoryUsage();
  const openFiles = existsSync(descriptors) ? (await readdir(descriptors)).length : 0;
  return { heapBytes: heapUsed, residentBytes: rss, resources, openFiles };
}
