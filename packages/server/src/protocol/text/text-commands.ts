/** The requests of the text protocol: words into requests, or into what is wrong with them. */
import type { Request } from "../../session/request.ts";

/** A request that is one line. */
export interface Command {
  /** A text is what is wrong. */
  parse(args: readonly string[]): Request | string;
  /** All earlier reads of this connection on the queue are confirmed before it. */
  readonly confirmsEarlier?: true;
}

const queueMissing = "Queue name required.";

/** By the verb in lower case. */
export const commands: Readonly<Record<string, Command>> = {
  __proto__: null as never,
  get: { parse: ([queue, timeout]) => parseGet(queue, timeout, false), confirmsEarlier: true },
  peek: { parse: ([queue, timeout]) => parseGet(queue, timeout, true), confirmsEarlier: true },
  monitor: { parse: ([queue, timeout, max]) => parseMonitor(queue, timeout, max), confirmsEarlier: true },
  confirm: { parse: ([queue, count]) => parseConfirm(queue, count) },
  flush: { parse: ([queue]) => (queue === undefined ? queueMissing : { kind: "flush", queue }) },
  delete: { parse: ([queue]) => (queue === undefined ? queueMissing : { kind: "delete", queue }) },
  status: {
    parse: ([status]) => (status === undefined ? { kind: "status" } : { kind: "set-status", status }),
  },
};

export interface PutCommand {
  readonly queue: string;
  /** Absolute, in ms since the epoch; 0: never. */
  readonly expiryMs: number;
}

/** A text is what is wrong. */
export function parsePut([queue, expiration]: readonly string[], nowMs: number): PutCommand | string {
  if (queue === undefined) return queueMissing;
  const fromNowMs = parseNumber(expiration ?? "0");
  if (fromNowMs === undefined) return "Error parsing expiration time.";
  return { queue, expiryMs: fromNowMs === 0 ? 0 : Math.max(1, nowMs + fromNowMs) };
}

function parseGet(queue: string | undefined, timeout: string | undefined, isPeek: boolean): Request | string {
  if (queue === undefined) return queueMissing;
  const waitMs = parseNumber(timeout ?? "0");
  if (waitMs === undefined) return "Error parsing timeout.";
  return {
    kind: "get",
    queue,
    isOpen: !isPeek,
    isClose: false,
    isAbort: false,
    isPeek,
    waitMs: Math.max(0, waitMs),
  };
}

function parseMonitor(queue?: string, timeout?: string, max?: string): Request | string {
  if (queue === undefined || timeout === undefined) return "Queue name & timeout required.";
  const waitMs = parseNumber(timeout);
  if (waitMs === undefined) return "Error parsing timeout.";
  const lengthMax = max === undefined ? null : parseNumber(max);
  if (lengthMax === undefined) return "Error parsing max.";
  return { kind: "monitor", queue, waitMs, lengthMax };
}

function parseConfirm(queue?: string, count?: string): Request | string {
  if (queue === undefined || count === undefined) return "Queue name & count required.";
  const length = parseNumber(count);
  if (length === undefined) return "Error parsing count.";
  return { kind: "confirm", queue, length, isExact: true };
}

/** A whole number; undefined when it is none. */
function parseNumber(text: string): number | undefined {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
