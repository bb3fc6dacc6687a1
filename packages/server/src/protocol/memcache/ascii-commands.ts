/** The requests of the memcache ASCII protocol that are one line and not in a hurry. */
import type { Request } from "../../session/request.ts";
import * as answers from "./ascii-answers.ts";

export interface Command {
  /** Undefined: arguments are missing, or are no numbers. */
  parse(args: readonly string[]): Request | undefined;
  /** What `done` is called; END if left out. */
  readonly done?: Buffer;
  /** The last word may be `noreply`. */
  readonly mayBeQuiet?: boolean;
}

/** By the verb in lower case. */
export const commands: Readonly<Record<string, Command>> = {
  __proto__: null as never,
  monitor: { parse: ([queue, seconds, length]) => parseMonitor(queue, seconds, length) },
  confirm: { parse: ([queue, length]) => parseConfirm(queue, length) },
  flush: { parse: ([queue]) => (queue === undefined ? undefined : { kind: "flush", queue }) },
  flush_all: { parse: () => ({ kind: "flush-all" }), done: answers.flushedAll, mayBeQuiet: true },
  flush_expired: { parse: ([queue]) => (queue === undefined ? undefined : { kind: "flush-expired", queue }) },
  flush_all_expired: { parse: () => ({ kind: "flush-all-expired" }) },
  delete: {
    parse: ([queue]) => (queue === undefined ? undefined : { kind: "delete", queue }),
    done: answers.deleted,
    mayBeQuiet: true,
  },
  // Names of memcached's other statistics are ignored, as Kestrel does.
  stats: { parse: (args) => (args.at(-1) === "noreply" ? undefined : { kind: "stats" }) },
  dump_stats: { parse: (queues) => ({ kind: "dump-stats", queues }) },
  dump_config: { parse: () => ({ kind: "dump-config" }) },
  status: {
    parse: ([status]) => (status === undefined ? { kind: "status" } : { kind: "set-status", status }),
  },
  reload: { parse: () => ({ kind: "reload" }), done: answers.reloaded },
};

function parseMonitor(queue?: string, seconds?: string, length?: string): Request | undefined {
  const wait = parseCount(seconds);
  const lengthMax = length === undefined ? null : parseCount(length);
  if (queue === undefined || wait === undefined || lengthMax === undefined) return undefined;
  return { kind: "monitor", queue, waitMs: wait * 1000, lengthMax };
}

function parseConfirm(queue?: string, count?: string): Request | undefined {
  const length = parseCount(count);
  return queue === undefined || length === undefined ? undefined : { kind: "confirm", queue, length };
}

/** A whole number from 0; undefined when it is none. */
export function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
