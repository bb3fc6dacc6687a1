/** Who has failed to get in, by address, and how long the next failure takes. Bounded, and forgets in time. */
import { isIPv6 } from "node:net";
import type { Clock } from "../clock.ts";

interface Entry {
  length: number;
  lastMs: number;
}

const addressesMax = 4096;
const forgetMs = 10 * 60_000;
/** Clients give up connecting after a second, and should hear by then that it was the password. */
const pauseMsMin = 100;
const pauseMsMax = 800;

export class Failures {
  readonly #clock: Clock;
  /** Who failed last is last. */
  readonly #entries: Map<string, Entry> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes one more; returns how many there were of late. */
  add(address: string): number {
    const now = this.#clock.now();
    const known = this.#entries.get(address);
    const length = known === undefined || now - known.lastMs > forgetMs ? 1 : known.length + 1;
    this.#entries.delete(address);
    this.#entries.set(address, { length, lastMs: now });
    if (this.#entries.size > addressesMax) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest!);
    }
    return length;
  }
}

/** How long the last of so many failures takes, from the question to the answer, in ms. */
export function pauseMsOf(length: number): number {
  return Math.min(pauseMsMax, pauseMsMin * 2 ** (length - 1));
}

/**
 * The address under which somebody is counted. Whoever has one IPv6 address usually has the 2^64 around it, too, and
 * an IPv4 address stays the same when it comes over a socket for both.
 */
export function groupOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = "", tail = ""] = address.toLowerCase().replace(/%.*$/, "").split("::");
  const start = head === "" ? [] : head.split(":");
  const end = tail === "" ? [] : tail.split(":");
  const zeros = address.includes("::")
    ? Array<string>(Math.max(0, 8 - start.length - end.length)).fill("0")
    : [];
  return `${[...start, ...zeros, ...end].slice(0, 4).join(":")}::/64`;
}
